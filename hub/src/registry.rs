//! The connectors that this program knows: one line each.

use postroom_connector::Connectors;

/// Every connector, by the name that `system.toml` uses.
pub(crate) fn connectors() -> Connectors {
    Connectors::default()
        .with_source(postroom_connector_file::FileSource)
        .with_sink(postroom_connector_file::FileSink)
        .with_source(postroom_connector_http::HttpSource)
        .with_sink(postroom_connector_http::HttpSink)
        .with_sink(postroom_connector_mail::MailSink)
        .with_sink(postroom_connector_notify::NotifySink)
        .with_source(postroom_connector_open311::Open311Source)
        .with_sink(postroom_connector_open311::Open311Sink)
        .with_sink(postroom_connector_pull::PullSink)
        .with_source(postroom_connector_sql::SqlSource)
        .with_sink(postroom_connector_sql::SqlSink)
}
