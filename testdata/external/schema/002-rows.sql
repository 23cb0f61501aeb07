INSERT INTO inventory.warehouses VALUES (1, 'Kraków'), (2, 'Porto'), (3, 'Malmö');
INSERT INTO inventory.stock
SELECT w.id, 'SKU-' || n, (n * 7 + w.id) % 500, timestamptz '2026-01-01 00:00:00+00' + n * interval '1 minute'
FROM inventory.warehouses w, generate_series(1, 2000) n;
