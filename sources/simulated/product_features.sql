-- what the product consists of, and which features are key
SELECT feature, is_key, module
FROM raw_product_features
