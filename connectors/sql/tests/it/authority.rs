//! An authority of the test's own, and a certificate of it for a server on loopback.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// What a certificate is for.
const SERVER: &str = "127.0.0.1";

/// Writes `ca.pem`, and `server.pem` until the end of 2040 with its `server.key`, into a folder.
pub(crate) fn certify(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("no name is needed");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let signer = KeyPair::generate().expect("a key");
    let authority = params.self_signed(&signer).expect("a certificate").pem();
    let issuer = Issuer::new(params, signer);
    let key = KeyPair::generate().expect("a key");
    let mut server = CertificateParams::new(vec![SERVER.to_owned()]).expect("a name");
    server.not_after = date_time_ymd(2041, 1, 1);
    let server = server.signed_by(&key, &issuer).expect("a certificate").pem();
    for (name, text) in [("ca.pem", authority), ("server.pem", server), ("server.key", key.serialize_pem())] {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("a file");
        let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, only_mine).expect("a file of one's own");
    }
}
