CREATE SCHEMA inventory;
CREATE TABLE inventory.warehouses (
    id   integer PRIMARY KEY,
    city text NOT NULL UNIQUE
);
CREATE TABLE inventory.stock (
    warehouse integer NOT NULL REFERENCES inventory.warehouses,
    sku       text    NOT NULL,
    quantity  integer NOT NULL CHECK (quantity >= 0),
    counted   timestamptz NOT NULL,
    PRIMARY KEY (warehouse, sku)
);
CREATE INDEX ON inventory.stock (sku);
