CREATE TABLE products (id serial PRIMARY KEY, name text UNIQUE NOT NULL, stock int NOT NULL);
CREATE TABLE orders (id serial PRIMARY KEY, product int REFERENCES products, quantity int NOT NULL);
INSERT INTO products (name, stock) VALUES ('laptop', 3), ('phone', 5);
