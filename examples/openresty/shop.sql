-- The tables of the shop: six products, of which the last one is changed by long transactions, and an API key.
CREATE TABLE IF NOT EXISTS product (
  id int PRIMARY KEY, name text NOT NULL, price numeric NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS api_key (key text PRIMARY KEY, owner text NOT NULL);
INSERT INTO product (id, name, price) VALUES (1, 'Tea', 4.20), (2, 'Coffee', 7.90), (3, 'Honey', 6.50), (4, 'Bread', 3.40),
  (5, 'Chocolate', 2.90), (6, 'Olive oil', 11.80) ON CONFLICT DO NOTHING;
INSERT INTO api_key VALUES ('ann-1', 'ann') ON CONFLICT DO NOTHING;
