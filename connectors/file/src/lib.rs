//! Files in a folder, as a source of records and as a target of messages.
