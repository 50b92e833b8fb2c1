//! One part after the other is broken while people register through nginx: nothing that was promised is lost. The same drills as
//! `ci/drill` runs in containers, short and on processes, and the two that need processes: a clock and a full disk.

mod ground;
mod lines;
mod parts;
mod stores;
