//! Certificates for throw-away servers: an authority and a leaf, because a certificate that is both is refused as a server's.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// A server's certificate for `localhost` and `127.0.0.1`, in PEM.
pub struct Certificates {
    /// The authority, which clients must trust.
    pub ca: String,
    /// The server's certificate.
    pub certificate: String,
    /// The server's private key.
    pub key: String,
    /// A certificate of the same authority for another name, `elsewhere.example.org`, and its key.
    pub elsewhere: (String, String),
    /// A certificate like the server's that ended in 2020, and its key.
    pub expired: (String, String),
}

impl Certificates {
    /// Makes new ones.
    pub fn make() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(DnType::CommonName, "Karibu test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key can be made");
        let ca = params.self_signed(&key).expect("it can be signed").pem();
        let issuer = Issuer::new(params, key);

        let here = ["localhost", "127.0.0.1"];
        let (certificate, key) = leaf(&issuer, &here, false);
        let elsewhere = leaf(&issuer, &["elsewhere.example.org"], false);
        let expired = leaf(&issuer, &here, true);
        Self { ca, certificate, key, elsewhere, expired }
    }
}

/// A server's certificate and its key, in PEM.
fn leaf(issuer: &Issuer<'_, KeyPair>, names: &[&str], expired: bool) -> (String, String) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("good names");
    params.distinguished_name.push(DnType::CommonName, "Karibu test server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    if expired {
        (params.not_before, params.not_after) = (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
    }
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, issuer).expect("it can be signed").pem();
    (certificate, key.serialize_pem())
}
