//! What the hub says: one function a log event, its metric in the same body.
