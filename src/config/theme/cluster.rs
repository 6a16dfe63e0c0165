//! Redis Cluster, which Redstart doesn't take part in: all of it is kept only.

use crate::config::choices::Names;
use crate::config::directive::Unit::{Count, Millis};
use crate::config::directive::{Directive, INT_MAX, choice, integer, optional, size, text, yes_no};
use crate::config::errors::ValueError;

const NO_CLUSTER: &str = "There is no cluster mode.";
const PORT: (i64, i64) = (0, 65535);
const COUNT: (i64, i64) = (0, INT_MAX);
const ENDPOINTS: Names = &[("ip", 0), ("hostname", 1), ("unknown-endpoint", 2)];

/// Bytes of a host name, with the closing NUL of C.
const HOSTNAME_LEN: usize = 256;

pub(in crate::config) const ROWS: &[Directive] = &[
    yes_no("cluster-enabled", false, NO_CLUSTER).immutable().kept(),
    text("cluster-config-file", "nodes.conf", NO_CLUSTER).immutable().kept(),
    integer("cluster-node-timeout", 15000, (0, i64::MAX), Millis, NO_CLUSTER).kept(),
    integer("cluster-port", 0, PORT, Count, NO_CLUSTER).immutable().kept(),
    optional("cluster-announce-ip", NO_CLUSTER).kept(),
    optional("cluster-announce-hostname", NO_CLUSTER).checked(check_hostname).kept(),
    optional("cluster-announce-human-nodename", NO_CLUSTER).checked(check_node_name).kept(),
    integer("cluster-announce-port", 0, PORT, Count, NO_CLUSTER).kept(),
    integer("cluster-announce-tls-port", 0, PORT, Count, NO_CLUSTER).kept(),
    integer("cluster-announce-bus-port", 0, PORT, Count, NO_CLUSTER).kept(),
    choice("cluster-preferred-endpoint-type", ENDPOINTS, 0, NO_CLUSTER).kept(),
    yes_no("cluster-require-full-coverage", true, NO_CLUSTER).kept(),
    yes_no("cluster-allow-reads-when-down", false, NO_CLUSTER).kept(),
    yes_no("cluster-allow-pubsubshard-when-down", true, NO_CLUSTER).kept(),
    yes_no("cluster-allow-replica-migration", true, NO_CLUSTER).kept(),
    integer("cluster-migration-barrier", 1, COUNT, Count, NO_CLUSTER).kept(),
    yes_no("cluster-replica-no-failover", false, NO_CLUSTER).alias("cluster-slave-no-failover").kept(),
    integer("cluster-replica-validity-factor", 10, COUNT, Count, NO_CLUSTER)
        .alias("cluster-slave-validity-factor")
        .kept(),
    size("cluster-link-sendbuf-limit", 0, (0, u64::MAX), NO_CLUSTER).kept(),
];

fn check_hostname(name: &[u8]) -> Result<(), ValueError> {
    if name.len() >= HOSTNAME_LEN {
        return Err(ValueError::HostnameLength);
    }
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if name.iter().all(fits) { Ok(()) } else { Err(ValueError::HostnameBytes) }
}

fn check_node_name(name: &[u8]) -> Result<(), ValueError> {
    let reserved = |byte: &u8| b"!#$%&()*+:;<>?@[]^{|}~".contains(byte);
    if name.iter().any(reserved) { Err(ValueError::NodeName) } else { Ok(()) }
}
