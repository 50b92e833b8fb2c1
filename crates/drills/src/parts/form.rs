//! The form, against nginx serving the same bytes.

use std::io::Result;
use std::time::Duration;

use super::Run;
use crate::bare_nginx::{BareNginx, CONNECTIONS, wrk};
use crate::house::{FREE, House};
use crate::http::Client;
use crate::report::{Section, Want, median, verdict};
use crate::sink::Sink;

/// Measures, in turns.
pub(crate) async fn run(run: &Run) -> Result<Section> {
    let sink = Sink::start().await?;
    let house = House::start(&run.binary, None, &sink.url()).await?;
    let path = format!("/{FREE}/register?lang=en");
    let mut client = Client::connect(house.port, &house.trust).await?;
    let answer = client.get(&path, true).await?;
    let folder = tempfile::tempdir()?;
    let tls = house.served.data().join("tls");
    let (certificate, key) = (tls.join("cert.pem"), tls.join("key.pem"));
    let nginx = BareNginx::start(folder.path(), &answer, (&certificate, &key), &house.trust).await?;
    let nginx_url = nginx.url();
    let url = format!("https://127.0.0.1:{}{path}", house.port);
    let (rounds, seconds) = (run.scale(5, 2), run.scale(4, 2));
    let (mut ours, mut theirs, mut ratios, mut our_cpu, mut their_cpu) = (vec![], vec![], vec![], vec![], vec![]);
    let per = |cpu: Duration, rate: f64| cpu.as_secs_f64() * 1e6 / (rate * seconds as f64);
    wrk(&url, 1)?;
    wrk(&nginx_url, 1)?;
    for _ in 0..rounds {
        let before = nginx.cpu();
        let nginx_rate = wrk(&nginx_url, seconds)?;
        their_cpu.push(per(nginx.cpu().saturating_sub(before), nginx_rate));
        let before = house.cpu();
        let mut profile = run.profile("form", house.served.pid(), Duration::from_secs(seconds))?;
        let rate = wrk(&url, seconds)?;
        if let Some(profile) = &mut profile {
            profile.wait()?;
        }
        our_cpu.push(per(house.cpu().saturating_sub(before), rate));
        ratios.push(rate / nginx_rate);
        ours.push(rate);
        theirs.push(nginx_rate);
    }
    let ratio = median(ratios);
    let mut section =
        Section::new("form", &["form GET, gzip, TLS, keep-alive", "per second", "CPU each", "against nginx", "target"]);
    section.row([
        "Karibu".to_owned(),
        format!("{:.0}", median(ours)),
        format!("{:.0} µs", median(our_cpu)),
        format!("{ratio:.2}"),
        verdict(ratio, Want::AtLeast, 0.6, Some(0.9)),
    ]);
    section.row([
        "nginx, the same bytes as a static file".to_owned(),
        format!("{:.0}", median(theirs)),
        format!("{:.0} µs", median(their_cpu)),
        "1".to_owned(),
        String::new(),
    ]);
    section.note(format!(
        "{} bytes with head (nginx {}), {CONNECTIONS} connections, medians of {rounds} rounds of {seconds} s in turns by wrk on \
         the same processors.",
        answer.size(),
        nginx.size
    ));
    Ok(section)
}
