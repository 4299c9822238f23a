//! RabbitMQ: topology, connecting, publishing, consuming; the only crate that names lapin.
