//! Decide, route, deliver: the way of an event through the hub.
