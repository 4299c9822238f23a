-- Until when the certificate holds that a system showed last, by its side and setting, such as `target.url`.
CREATE TABLE peer (
    system  TEXT NOT NULL,
    setting TEXT NOT NULL,
    until   BIGINT NOT NULL,
    PRIMARY KEY (system, setting)
);
