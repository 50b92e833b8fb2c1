//! Webs, notifiers and nginx that die, end and come again.

use testkit::drill::Allowed;
use testkit::serve::wait_for;
use testkit::smtp::{Mode, Stage};
use tokio::time::{Duration, Instant, sleep};

use super::ground::{Ground, is_ready};

/// So long a part is away that nobody starts again.
const AWAY: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread")]
async fn webs_that_die_or_end_fail_nobody() {
    let Ground { webs, drill, nginx, notifiers: _notifiers, postgres: _postgres, .. } = &mut Ground::open().await;
    let one = drill.run("kill -9 of one web", Allowed::Nothing, async |_| {
        let now = Instant::now();
        webs[0].kill().await;
        sleep(AWAY).await;
        webs[0].start_again().await;
        now
    });
    one.await.is_well();
    let one = drill.run("SIGTERM of one web", Allowed::Nothing, async |_| {
        let now = Instant::now();
        assert_eq!(webs[1].terminate().await, Some(0));
        webs[1].start_again().await;
        now
    });
    one.await.is_well();
    let both = drill.run("kill -9 of both webs, one after the other", Allowed::Nothing, async |_| {
        for web in webs.iter_mut() {
            web.kill().await;
            web.start_again().await;
        }
        Instant::now()
    });
    let both = both.await;
    let log = nginx.access_log();
    let failed: Vec<_> = log.iter().filter(|line| line["status"].as_u64() >= Some(500)).collect();
    assert!(failed.is_empty(), "{both}\n{failed:#?}\n{}", nginx.error_log());
    both.is_well();
    // Nobody is left to answer: nginx says so itself. Whether somebody sends at that very moment is chance; what they would
    // see, `nginx::away` looks at.
    let both = drill.run("kill -9 of both webs at the same moment", Allowed::Pages, async |_| {
        let now = Instant::now();
        for web in webs.iter_mut() {
            web.kill().await;
        }
        sleep(AWAY).await;
        for web in webs.iter_mut() {
            web.start_again().await;
        }
        now
    });
    let both = both.await;
    both.is_well();
    assert!(both.failed > 0, "people saw nginx's page: {both}");
}

#[tokio::test(flavor = "multi_thread")]
async fn notifiers_that_die_lose_no_mail() {
    let Ground { notifiers, relay, drill, nginx: _nginx, webs: _webs, postgres: _postgres, .. } =
        &mut Ground::open().await;
    let term = drill.run("SIGTERM of one notifier", Allowed::Nothing, async |_| {
        let now = Instant::now();
        assert_eq!(notifiers[0].terminate().await, Some(0));
        sleep(AWAY).await;
        notifiers[0].start_again().await;
        now
    });
    term.await.is_well();
    let kill = drill.run("kill -9 of both notifiers in mid SMTP DATA", Allowed::Nothing, async |crowd| {
        // The relay has the mail; its answer is under way.
        relay.set_mode(Mode::Late(Stage::Content, Duration::from_secs(20)));
        let before = crowd.promised();
        wait_for("more people", async || (crowd.promised() > before + 20).then_some(())).await;
        let now = Instant::now();
        for notifier in notifiers.iter_mut() {
            notifier.kill().await;
        }
        relay.set_mode(Mode::Healthy);
        for notifier in notifiers.iter_mut() {
            notifier.start_again().await;
        }
        now
    });
    let kill = kill.await;
    kill.is_well();
    assert!(kill.repeated > 0, "mails were under way: {kill}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_that_restarts_loses_nothing() {
    let ground = &mut Ground::open().await;
    let Ground { nginx, webs, drill, notifiers: _notifiers, postgres: _postgres, .. } = ground;
    let reload = drill.run("nginx reload", Allowed::Nothing, async |_| {
        nginx.reload();
        sleep(AWAY).await;
        nginx.reload();
        Instant::now()
    });
    reload.await.is_well();
    let restart = drill.run("nginx restart", Allowed::Silence, async |_| {
        nginx.stop().await;
        nginx.start_again().await;
        Instant::now()
    });
    restart.await.is_well();
    let bare = drill.run("nginx starts with one web, then with none", Allowed::Silence, async |_| {
        nginx.kill();
        webs[0].kill().await;
        nginx.start_again().await;
        sleep(AWAY).await;
        nginx.kill();
        webs[1].kill().await;
        nginx.start_again().await;
        sleep(AWAY).await;
        for web in webs.iter_mut() {
            web.start_again().await;
        }
        Instant::now()
    });
    bare.await.is_well();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notifier_whose_clock_is_an_hour_ahead_changes_nothing() {
    let Ground { notifiers, drill, nginx: _nginx, webs: _webs, postgres: _postgres, .. } = &mut Ground::open().await;
    let ahead = drill.run("clock 1 h ahead in one notifier (processes)", Allowed::Nothing, async |crowd| {
        assert_eq!(notifiers[0].terminate().await, Some(0));
        notifiers[0].set_clock("+1h");
        notifiers[0].start_again().await;
        let now = Instant::now();
        // It is the one that is left to mail, and then it is one of two again.
        assert_eq!(notifiers[1].terminate().await, Some(0));
        let before = crowd.promised();
        wait_for("more people", async || (crowd.promised() > before + 20).then_some(())).await;
        notifiers[1].start_again().await;
        is_ready(&notifiers[1]).await;
        now
    });
    ahead.await.is_well();
}
