-- What the housing system has written into its outbox. Fictitious, like everything here.
INSERT INTO outbox (kind, payload) VALUES
    ('tenancy-started', '{"tenancy": "T-004711", "property": {"uprn": 990000001002, "flat": "Flat 2", "house": "3", "street": "Quince Lane", "town": "Zedbury", "postcode": "ZZ1 1AB"}, "tenants": [{"forename": "Ada", "surname": "Example"}, {"forename": "Byron", "surname": "Sample"}], "starts": "2026-10-05", "bedrooms": 2}'),
    ('rent-reviewed', '{"tenancy": "T-004711", "pence": 11250}'),
    ('tenancy-started', '{"tenancy": "T-004712", "property": {"house": "9", "street": "Sorrel Road", "town": "Zedford", "postcode": "ZZ2 3BB"}, "tenants": [{"forename": "Tamsin", "surname": "Ellery-Voss"}], "starts": "2026-11-02", "bedrooms": 3}'),
    ('tenancy-ended', '{"tenancy": "T-004711", "property": {"uprn": 990000001002, "flat": "Flat 2", "house": "3", "street": "Quince Lane", "town": "Zedbury", "postcode": "ZZ1 1AB"}, "ends": "2026-11-29", "reason": "TRF", "void": "2026-11-30"}'),
    ('tenancy-ended', '{"tenancy": "T-003019", "property": {"house": "4", "street": "Sorrel Road", "town": "Zedford", "postcode": "ZZ2 3BB"}, "ends": "2026-11-29", "reason": "NTQ", "void": "2026-11-30"}');
