//! Who watches the watchers: Prometheus and Alertmanager mail the on-call when a part of Karibu breaks, and what is here mails
//! when those two fall silent ([`DeadMan`], in every notifier), or when the whole host does ([`Outside`], on another
//! machine). Each mails by its own way ([`Post`]), so that no single failure is silent.

mod dead_man;
mod fetch;
mod heartbeat;
mod outside;
mod post;

pub use dead_man::DeadMan;
pub use fetch::Fetch;
pub use heartbeat::heartbeat;
pub use outside::Outside;
pub use post::Post;
