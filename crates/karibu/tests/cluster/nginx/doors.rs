//! Who comes in, under which name, and with which headers.

use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use testkit::nginx::Nginx;
use testkit::observatory::{Answer, score, tests};
use testkit::registrant::{Filled, location};
use testkit::serve::{free_port, wait_for};

use crate::front::Front;

#[tokio::test]
async fn plain_http_leads_to_the_public_name_whatever_name_was_asked_for() {
    let front = Front::open().await;
    let client = front.nginx.client();
    let at = |path: &str| format!("{}{path}", front.nginx.http_url());
    for host in ["localhost", "register.example.org", "evil.example"] {
        let path = "/connect/register?lang=fr";
        let answer = client.get(at(path)).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
        assert_eq!(location(&answer).unwrap(), format!("{}{path}", front.nginx.url()), "asked for {host}");
        let answer = client.post(at(path)).header("host", host).body("a=b").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PERMANENT_REDIRECT, "it stays a POST");
    }
    // The proofs of an ACME authority are served as they are, and nothing beside them.
    let folder = front.nginx.acme().join("webroot/.well-known/acme-challenge");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a-token"), "a-token.thumbprint").unwrap();
    std::fs::write(front.nginx.acme().join("privkey.pem"), "a key").unwrap();
    let proof = client.get(at("/.well-known/acme-challenge/a-token")).send().await.unwrap();
    assert_eq!((proof.status(), proof.text().await.unwrap()), (StatusCode::OK, "a-token.thumbprint".to_owned()));
    for other in ["", "another", "..%2f..%2f..%2fprivkey.pem"] {
        let status = client.get(at(&format!("/.well-known/acme-challenge/{other}"))).send().await.unwrap().status();
        assert!(status.is_client_error(), "{other}: {status}");
    }
}

#[tokio::test]
async fn links_have_the_public_name_whatever_name_was_asked_for() {
    let nginx = Nginx::prepare();
    let public = format!("https://register.example.org:{}", nginx.port());
    let nginx = nginx.with("PUBLIC_URL", &public);
    let front = Front::with(nginx, 1, &[("PUBLIC_URL", &public)]).await;
    // HTTP/2 would name the host twice.
    let client = front.nginx.client_builder().http1_only().build().unwrap();
    let at = |path: &str| format!("{}{path}", front.nginx.url());
    // A stranger's name is led to ours, and what it would change is refused.
    let answer = client.get(at("/connect/?lang=fr")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
    assert_eq!(location(&answer).unwrap(), format!("{public}/connect/?lang=fr"));
    let answer = client.post(at("/connect/register")).body("x").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    // Our name is answered, also with capital letters, and headers of proxies that a client writes change nothing.
    for host in ["register.example.org", "Register.Example.ORG", "register.example.org:443"] {
        let request =
            client.get(at("/connect/register")).header("host", host).header("x-forwarded-host", "evil.example");
        let answer = request.header("forwarded", "host=evil.example").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{host}");
        assert!(!answer.text().await.unwrap().contains("evil.example"));
    }
}

#[tokio::test]
async fn the_observatory_gives_130_points_and_more_through_nginx() {
    let nginx = Nginx::prepare();
    let public = format!("https://register.example.org:{}", nginx.port());
    let nginx = nginx.with("PUBLIC_URL", &public);
    let mut front = Front::with(nginx, 1, &[("PUBLIC_URL", &public)]).await;
    let address = format!("127.0.0.1:{}", front.nginx.port()).parse().unwrap();
    let client = front.nginx.client_builder().danger_accept_invalid_hostnames(true);
    let client = client.resolve("register.example.org", address).redirect(Policy::none()).build();
    let client = client.unwrap();
    let scored = async |path: &str| {
        let answer = client.get(format!("{public}{path}")).send().await.unwrap();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> =
            answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        for (name, _) in &headers {
            assert_eq!(answer.headers().get_all(name).iter().count(), 1, "{path} says {name} twice");
        }
        let status = answer.status().as_u16();
        let body = answer.text().await.unwrap();
        let points = tests(&Answer { headers: &headers, body: &body });
        println!("{status} {path}: {} {points:#?}", score(&points));
        (status, score(&points))
    };
    for path in ["/connect/", "/connect/register", "/connect/register?lang=fr"] {
        let (status, score) = scored(path).await;
        assert!(status == 200 && score >= 135, "{path}: {status}, {score}");
    }
    for path in ["/nothing/at/all", "/organizer/x"] {
        assert!(scored(path).await.1 >= 130, "{path}");
    }
    front.webs[0].kill().await;
    let (status, score) = scored("/connect/").await;
    assert!(status == 503 && score >= 130, "the page for when no web is left: {score}");
    // At home a browser that may not go on past a warning would be locked out.
    let home = Front::with(Nginx::prepare(), 0, &[]).await;
    let answer = home.nginx.client().get(home.nginx.url()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn one_request_id_stands_in_the_answer_the_log_the_registration_and_the_mails() {
    let front = Front::open().await;
    let person = front.person();
    let form = person.open().await;
    let answer = person.send(&form, &Filled::sample("Mwangi"), None).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    let logged = wait_for("the line in nginx's log", async || {
        front.nginx.access_log().into_iter().find(|line| line["request_id"] == id.as_str())
    })
    .await;
    assert_eq!((&logged["method"], &logged["path"]), (&"POST".into(), &"/connect/register".into()));
    assert_eq!(logged["status"], 303);
    let count = format!("select count(*) from registration where request_id = '{id}'");
    assert_eq!(front.number(&count).await, 1);
    for letter in front.wait_for_letters(2).await {
        assert!(letter.raw.contains(&format!("X-Karibu-Request: {id}")), "{}", letter.raw);
    }
    assert!(front.webs.iter().any(|web| web.log().contains(&id)), "the web's log names it");
    // A client cannot choose it.
    let request = front.nginx.client().get(format!("{}/connect/", front.nginx.url()));
    let answer = request.header("x-request-id", &id).send().await.unwrap();
    assert_ne!(answer.headers()["x-request-id"].to_str().unwrap(), id);
}

#[tokio::test]
async fn the_log_knows_no_addresses_queries_tokens_and_foreign_paths() {
    let front = Front::open().await;
    let person = front.person();
    let page = person.register(&Filled::sample("Achieng"), None).await;
    assert_eq!(person.get(&page).await.status(), StatusCode::OK);
    let link = front.organizers_letter().await.link(&format!("{}/organizer/", front.nginx.url()));
    assert_eq!(front.nginx.client().get(&link).send().await.unwrap().status(), StatusCode::OK);
    for path in
        ["/connect/?who=jane@example.org", "/jane@example.org", "/connect/register/jane", "/JANE/", "/mail/jane"]
    {
        person.get(path).await;
    }
    let method = Method::from_bytes(b"JANE").unwrap();
    let url = format!("{}/connect/", front.nginx.url());
    front.nginx.client().request(method, url).send().await.unwrap();
    let lines = wait_for("all lines", async || {
        let lines = front.nginx.access_log();
        (lines.len() >= 10).then_some(lines)
    })
    .await;
    let paths: Vec<&str> = lines.iter().map(|line| line["path"].as_str().unwrap()).collect();
    for path in ["/connect/register", "/connect/registered/*", "/organizer/*", "/connect/", "/mail/*", "*"] {
        assert!(paths.contains(&path), "{path} in {paths:?}");
    }
    let all = format!("{lines:?}");
    let token = |path: &str| path.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
    for secret in ["jane", "JANE", "example.org", "lang=", &token(&page), &token(&link)] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    let newest = lines.last().unwrap().as_object().unwrap();
    let client = newest.iter().find(|(name, value)| !name.starts_with("upstream") && value == &"127.0.0.1");
    assert!(client.is_none(), "{client:?}");
    // What a web that is gone makes nginx say names neither.
    drop(front.webs);
    front.nginx.client().get(&link).send().await.unwrap();
    let complaints = wait_for("its complaint", async || {
        let complaints = front.nginx.error_log();
        complaints.contains("Connection refused").then_some(complaints)
    })
    .await;
    assert!(!complaints.contains("client:") && !complaints.contains(&token(&link)), "{complaints}");
}

#[tokio::test]
async fn a_forged_address_does_not_get_around_the_limit_of_registrations() {
    let settings = [("RATE_LIMIT", "1/min"), ("RATE_BURST", "3")];
    let front = Front::with(Nginx::prepare(), 1, &settings).await;
    let mut statuses = Vec::new();
    for n in 0..5 {
        let mut headers = reqwest::header::HeaderMap::new();
        for name in ["x-forwarded-for", "x-real-ip", "forwarded"] {
            headers.insert(name, format!("198.51.100.{n}").parse().unwrap());
        }
        let client = front.nginx.client_builder().default_headers(headers).build().unwrap();
        let person = testkit::registrant::Registrant::new(client, &front.nginx.url(), "connect");
        let form = person.open().await;
        statuses.push(person.send(&form, &Filled::sample("Otieno"), None).await.status().as_u16());
    }
    assert_eq!(statuses[..3], [303; 3]);
    assert!(statuses[3..].iter().all(|status| *status != 303), "{statuses:?}");
}

#[tokio::test]
async fn the_mails_of_a_demo_need_the_login_and_are_nowhere_else() {
    let nginx = Nginx::prepare().with("VIEWER", &format!("127.0.0.1:{}", free_port()));
    let hash = std::process::Command::new("openssl").args(["passwd", "-6", "a-password"]).output().unwrap();
    let hash = String::from_utf8(hash.stdout).unwrap();
    std::fs::write(nginx.secrets().join("mail_htpasswd"), format!("demo:{hash}")).unwrap();
    std::fs::write(nginx.secrets().join("demo"), "off\n").unwrap();
    let front = Front::with(nginx, 1, &[]).await;
    let client = front.nginx.client();
    let get = async |login: Option<&str>| {
        let request = client.get(format!("{}/mail/", front.nginx.url()));
        let request = if let Some(password) = login { request.basic_auth("demo", Some(password)) } else { request };
        request.send().await.unwrap()
    };
    assert_eq!(get(None).await.status(), StatusCode::NOT_FOUND, "no demo, no mails");
    assert_eq!(get(Some("a-password")).await.status(), StatusCode::NOT_FOUND);
    // Switched on while it runs. The viewer is not there, which is told to those with the login only.
    std::fs::write(front.nginx.secrets().join("demo"), "on\n").unwrap();
    let refused = wait_for("the demo", async || {
        let answer = get(None).await;
        (answer.status() != StatusCode::NOT_FOUND).then_some(answer)
    })
    .await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
    assert!(refused.headers().contains_key("content-security-policy"));
    assert_eq!(get(Some("guess")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get(Some("a-password")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn figures_are_for_the_inside_only() {
    let nginx = Nginx::prepare().with("INSIDE", "192.0.2.0/24");
    let front = Front::with(nginx, 0, &[]).await;
    let status = reqwest::get(format!("{}/status", front.nginx.status_url())).await.unwrap();
    assert!(status.text().await.unwrap().contains("Active connections"));
    for path in ["/status", "/healthz"] {
        let answer = front.nginx.client().get(format!("{}{path}", front.nginx.url())).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path} is a path like any other");
    }
}
