//! TXT records by DNS (RFC 1035), from the resolver of this machine.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use registration::ports::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long one question waits for its answer.
const WAIT: Duration = Duration::from_millis(1_500);

/// Questions that may be lost on the way.
const TRIES: usize = 2;

/// What is taken by UDP; longer answers come by TCP.
const UDP_BYTES: u16 = 1_232;

/// Type TXT, type OPT and class IN.
const TXT: u16 = 16;
const OPT: u16 = 41;
const IN: u16 = 1;

/// What the resolver said of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its TXT records, each in one piece; none when the name has none.
    Records(Vec<String>),
    /// There is no such name.
    NoName,
}

/// The resolver that this machine uses, from the text of `/etc/resolv.conf`.
pub(super) fn resolver(resolv_conf: &str) -> Option<SocketAddr> {
    let servers = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    servers.filter_map(|server| server.trim().parse::<IpAddr>().ok()).map(|address| SocketAddr::new(address, 53)).next()
}

/// Asks for the TXT records of a name.
///
/// # Errors
/// Why there is no answer.
pub(super) async fn txt(resolver: SocketAddr, name: &str, random: &dyn Random) -> Result<Answer, String> {
    let mut id = [0; 2];
    random.fill(&mut id);
    let query = query(u16::from_be_bytes(id), name).ok_or_else(|| format!("{name} is no name for DNS"))?;
    for _ in 0..TRIES {
        let Ok(answer) = timeout(WAIT, by_udp(resolver, &query)).await else { continue };
        let answer = answer.map_err(|error| format!("the resolver {resolver} cannot be reached ({error})"))?;
        return match read(&query, &answer)? {
            Some(answer) => Ok(answer),
            // Too long for a datagram.
            None => match timeout(WAIT, by_tcp(resolver, &query)).await {
                Ok(Ok(answer)) => read(&query, &answer)?.ok_or_else(|| unreadable(resolver)),
                _ => Err(format!("the resolver {resolver} does not answer by TCP")),
            },
        };
    }
    Err(format!("the resolver {resolver} does not answer"))
}

fn unreadable(resolver: SocketAddr) -> String {
    format!("the answer of the resolver {resolver} cannot be read")
}

async fn by_udp(resolver: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let local: SocketAddr = if resolver.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(resolver).await?;
    socket.send(query).await?;
    let mut answer = vec![0; usize::from(u16::MAX)];
    loop {
        let length = socket.recv(&mut answer).await?;
        // Whoever guesses ports has not guessed the id; the answer to our question may still come.
        if length >= 12 && answer[..2] == query[..2] {
            answer.truncate(length);
            return Ok(answer);
        }
    }
}

async fn by_tcp(resolver: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    let mut message = (query.len() as u16).to_be_bytes().to_vec();
    message.extend_from_slice(query);
    stream.write_all(&message).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// One question, and word that answers may be longer than 512 bytes (RFC 6891).
fn query(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    // Recursion desired; one question, one additional record.
    for word in [id, 0x0100, 1, 0, 0, 1] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    for label in name.trim_end_matches('.').split('.') {
        if label.is_empty() || label.len() > 63 {
            return None;
        }
        message.push(label.len() as u8);
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    if message.len() > 12 + 255 {
        return None;
    }
    for word in [TXT, IN] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.push(0);
    for word in [OPT, UDP_BYTES, 0, 0, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    Some(message)
}

/// What a message answers to a query; `None` when it was cut off.
fn read(query: &[u8], message: &[u8]) -> Result<Option<Answer>, String> {
    const DAMAGED: &str = "the resolver's answer cannot be read";
    let word = |at: usize| {
        let bytes = message.get(at..at + 2).ok_or(DAMAGED)?;
        Ok::<_, &str>(u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    let flags = word(2)?;
    if word(0)? != u16::from_be_bytes([query[0], query[1]]) || flags & 0x8000 == 0 {
        return Err(DAMAGED.to_owned());
    }
    match flags & 0x000f {
        0 => {}
        3 => return Ok(Some(Answer::NoName)),
        2 => return Err("the resolver failed (SERVFAIL)".to_owned()),
        5 => return Err("the resolver refuses to answer".to_owned()),
        code => return Err(format!("the resolver answers with code {code}")),
    }
    if flags & 0x0200 != 0 {
        return Ok(None);
    }
    let (questions, answers) = (word(4)?, word(6)?);
    let mut at = 12;
    for _ in 0..questions {
        at = after_name(message, at).ok_or(DAMAGED)? + 4;
    }
    let mut records = Vec::new();
    for _ in 0..answers {
        at = after_name(message, at).ok_or(DAMAGED)?;
        let (kind, class, length) = (word(at)?, word(at + 2)?, usize::from(word(at + 8)?));
        let data = message.get(at + 10..at + 10 + length).ok_or(DAMAGED)?;
        at += 10 + length;
        if (kind, class) == (TXT, IN) {
            records.push(strings(data).ok_or(DAMAGED)?);
        }
    }
    Ok(Some(Answer::Records(records)))
}

/// Where a name ends: at its root, or at a pointer to the rest of it.
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length >= 0xc0 => return Some(at + 2),
            length if length < 0x40 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

/// The strings of a TXT record as one text.
fn strings(mut data: &[u8]) -> Option<String> {
    let mut text = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (string, rest) = rest.split_at_checked(usize::from(*length))?;
        text.extend_from_slice(string);
        data = rest;
    }
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use tokio::net::TcpListener;

    use super::*;
    use crate::ports::SystemRandom;

    /// Answers by UDP and TCP from a list of names, as a resolver does; others do not exist.
    pub(crate) async fn serve(records: &[(&str, &[&str])]) -> SocketAddr {
        let records: HashMap<String, Vec<String>> = records
            .iter()
            .map(|(name, texts)| ((*name).to_owned(), texts.iter().map(|text| (*text).to_owned()).collect()))
            .collect();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).await.unwrap();
        let by_tcp = records.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut query).await.unwrap();
                let answer = answer(&by_tcp, &query, usize::from(u16::MAX));
                stream.write_u16(answer.len() as u16).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        tokio::spawn(async move {
            let mut query = [0; 600];
            loop {
                let (length, from) = udp.recv_from(&mut query).await.unwrap();
                udp.send_to(&answer(&records, &query[..length], usize::from(UDP_BYTES)), from).await.unwrap();
            }
        });
        address
    }

    fn answer(records: &HashMap<String, Vec<String>>, query: &[u8], most: usize) -> Vec<u8> {
        let end = after_name(query, 12).unwrap();
        let (mut name, mut at) = (Vec::new(), 12);
        while query[at] != 0 {
            let length = usize::from(query[at]);
            name.push(String::from_utf8(query[at + 1..=at + length].to_vec()).unwrap());
            at += 1 + length;
        }
        let found = records.get(&name.join("."));
        let flags: u16 = if found.is_some() { 0x8180 } else { 0x8183 };
        let mut message = query[..2].to_vec();
        for word in [flags, 1, found.map_or(0, Vec::len) as u16, 0, 0] {
            message.extend_from_slice(&word.to_be_bytes());
        }
        message.extend_from_slice(&query[12..end + 4]);
        for text in found.into_iter().flatten() {
            let pieces: Vec<u8> =
                text.as_bytes().chunks(255).flat_map(|piece| [&[piece.len() as u8], piece].concat()).collect();
            for word in [0xc00c, TXT, IN, 0, 60, pieces.len() as u16] {
                message.extend_from_slice(&word.to_be_bytes());
            }
            message.extend_from_slice(&pieces);
        }
        if message.len() > most {
            message.truncate(end + 4);
            message[2] |= 0x02;
        }
        message
    }

    #[tokio::test]
    async fn records_come_whole_by_udp_and_long_ones_by_tcp() {
        let long = "k".repeat(3_000);
        let server =
            serve(&[("example.org", &["v=spf1 -all", "other"]), ("long.example.org", &[&long]), ("none.org", &[])])
                .await;
        let ask = async |name| txt(server, name, &SystemRandom).await;
        let records = |texts: &[&str]| Ok(Answer::Records(texts.iter().map(|text| (*text).to_owned()).collect()));
        assert_eq!(ask("example.org").await, records(&["v=spf1 -all", "other"]));
        assert_eq!(ask("long.example.org").await, records(&[&long]));
        assert_eq!(ask("none.org").await, records(&[]));
        assert_eq!(ask("nowhere.example.org").await, Ok(Answer::NoName));
        assert!(ask("a..b").await.is_err());
    }

    #[test]
    fn no_answer_whatever_its_bytes_breaks_the_reader() {
        let query = query(7, "example.org").unwrap();
        let mut records = HashMap::new();
        records.insert("example.org".to_owned(), vec!["v=spf1 -all".to_owned()]);
        let good = answer(&records, &query, 2_000);
        assert!(matches!(read(&query, &good), Ok(Some(Answer::Records(_)))));
        for length in 0..good.len() {
            assert!(!matches!(read(&query, &good[..length]), Ok(Some(Answer::Records(found))) if !found.is_empty()));
            for value in [0, 1, 0x3f, 0x40, 0x7f, 0xc0, 0xff] {
                let mut bad = good.clone();
                bad[length] = value;
                let _ = read(&query, &bad);
            }
        }
    }

    #[test]
    fn the_first_usable_nameserver_is_asked() {
        let conf =
            "# by hand\nsearch example.org\nnameserver fe80::1%eth0\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n";
        assert_eq!(resolver(conf), Some("192.0.2.53:53".parse().unwrap()));
        assert_eq!(resolver("options edns0"), None);
    }
}
