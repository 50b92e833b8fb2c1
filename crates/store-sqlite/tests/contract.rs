//! SQLite holds what every store must hold.

mod support;

use support::fresh;

registration::contract_tests!(fresh);
