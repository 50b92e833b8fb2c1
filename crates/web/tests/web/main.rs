//! The web role over a real SQLite store, asked as browsers ask.

mod files;
mod forms;
mod headers;
mod hostile;
mod house;
mod pages;
mod submitting;
mod trouble;
mod views;
