//! Signatures as an independent verifier sees them (dkimpy), on mails as they arrive at a real server.

use std::io::Write;
use std::process::{Command, Stdio};

use mail::{Dkim, Message, SmtpSettings, SmtpTransport, Transport};
use testkit::serve::root;
use testkit::smtp::{Options, SmtpServer, Tls};

const KEYS: [&[&str]; 3] = [
    &["genpkey", "-algorithm", "ed25519"],
    &["genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
    &["genrsa", "-traditional", "2048"],
];

fn key(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("openssl is installed");
    String::from_utf8(output.stdout).expect("PEM is text")
}

/// Whether dkimpy finds the signature good, with this record in the DNS.
fn verified(mail: &[u8], record: &str) -> bool {
    const SCRIPT: &str = r"
import sys
sys.path.insert(0, sys.argv[1])
import dkim
asked = []
def dns(name, timeout=5):
    asked.append(name.decode().rstrip('.'))
    return sys.argv[2].encode()
good = dkim.verify(sys.stdin.buffer.read(), dnsfunc=dns)
assert asked == ['karibu2026._domainkey.example.org'], asked
print('good' if good else 'bad')
";
    let mut verifier = Command::new("/usr/bin/python3")
        .args(["-I", "-c", SCRIPT])
        .arg(root().join("target/tools/dkim"))
        .arg(record)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python is installed");
    verifier.stdin.take().expect("it was piped").write_all(mail).expect("it reads");
    let output = verifier.wait_with_output().expect("it ends");
    assert!(output.status.success(), "dkimpy is in target/tools/dkim (ci/setup)");
    output.stdout == b"good\n"
}

#[tokio::test]
async fn a_mail_arrives_with_a_signature_that_others_verify() {
    testkit::install_tls_provider();
    let server = SmtpServer::start(Options { tls: Tls::None, login: None }).await;
    for arguments in KEYS {
        let dkim = Dkim::new(&key(arguments), "karibu2026").unwrap();
        let record = dkim.record();
        let settings = SmtpSettings {
            url: server.url().parse().unwrap(),
            from: "events@example.org".to_owned(),
            connections: 1,
            ca_file: None,
        };
        let transport = SmtpTransport::new(&settings).unwrap().with_dkim(dkim);
        let long = Message {
            text: format!("  leading, trailing  \n.\n..dots\t tab\n\n{}é\n\n\n", "word ".repeat(500)),
            subject: "Ünïcode ".repeat(15),
            reply_to: None,
            references: None,
            ..mail::samples::message()
        };
        for message in [mail::samples::message(), long] {
            let before = server.mails().len();
            transport.send(&message).await.unwrap();
            let arrived = server.wait_for(before + 1).await.pop().unwrap();
            assert!(verified(&arrived.raw, &record), "{}", arrived.letter().raw);
            let text = String::from_utf8(arrived.raw).unwrap();
            for (what, to) in [("Subject: ", "Subject: x"), ("From: ", "From: Evil <e@evil.example>\r\nFrom: ")] {
                assert!(!verified(text.replacen(what, to, 1).as_bytes(), &record), "{what} can be changed");
            }
            let with_reply_to = text.replacen("To: ", "Reply-To: <e@evil.example>\r\nTo: ", 1);
            assert!(!verified(with_reply_to.as_bytes(), &record), "a Reply-To can be added");
            assert!(!verified(format!("{text}More\r\n").as_bytes(), &record), "the body can be changed");
        }
        let dialogue = transport.diagnose(None).await;
        let step = dialogue.steps.iter().find(|step| step.name == "DKIM").unwrap();
        assert_eq!(step.told, format!("signed; karibu2026._domainkey.example.org must be TXT {record}"));
    }
}
