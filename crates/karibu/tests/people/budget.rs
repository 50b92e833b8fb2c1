//! What a thin line carries when somebody opens the form for the first time.

use testkit::serve::Served;

use crate::engines::BINARY;

/// Most bytes of a first load, headers included, the icon apart.
const MOST: usize = 14_000;

/// The first load of the form: the page and what it names, over HTTP/1.1, whose headers are the longer ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_load_of_the_form_is_at_most_14_kb_in_three_requests() {
    let served = Served::start(BINARY, &[]).await;
    let client = served.client_builder().http1_only().no_gzip().build().unwrap();
    for language in ["en", "fr"] {
        let mut wanted = vec!["/connect/register".to_owned()];
        let (mut bytes, mut requests) = (0, 0);
        while let Some(path) = wanted.pop() {
            let answer = client
                .get(format!("{}{path}", served.url()))
                .header("accept-encoding", "gzip, deflate, br")
                .header("accept-language", language)
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert_eq!(answer.headers()["content-encoding"], "gzip", "{path}");
            let lines = answer.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
            let headers: usize = "HTTP/1.1 200 OK\r\n\r\n".len() + lines.sum::<usize>();
            let is_page = path.ends_with("/register");
            let body = answer.bytes().await.unwrap();
            bytes += headers + body.len();
            requests += 1;
            if is_page {
                // The same page without compression tells what else is fetched.
                let page = client.get(format!("{}{path}", served.url())).header("accept-language", language).send();
                let page = page.await.unwrap().text().await.unwrap();
                assert!(page.contains(&format!("lang=\"{language}\"")));
                let names =
                    page.split(['"', '\'']).filter(|name| name.starts_with("/static/") && !name.contains("icon"));
                wanted.extend(names.map(str::to_owned));
            }
        }
        println!("{language}: {bytes} bytes in {requests} requests");
        assert!(requests <= 3, "{requests} requests");
        assert!(bytes <= MOST, "{bytes} bytes");
    }
}
