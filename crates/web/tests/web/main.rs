//! The web role over a real SQLite store, asked as browsers ask.

// Clippy takes helpers for those of tests only where this is said.
#[cfg(test)]
mod attaching;
#[cfg(test)]
mod files;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod house;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod submitting;
#[cfg(test)]
mod trouble;
#[cfg(test)]
mod twice;
#[cfg(test)]
mod views;
