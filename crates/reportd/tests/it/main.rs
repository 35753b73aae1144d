//! Black-box tests: the real binary, over HTTP on a port of its own, killed, starved and lied to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod aged;
mod backup;
mod browser;
mod cluster;
mod console;
mod console_moderation;
mod credentials;
mod demo;
mod dialogue;
mod dialogue_kill;
mod dialogue_php;
mod dialogue_receivers;
mod disk_full;
mod durability;
mod erasure;
mod errors;
mod export;
mod export_playback;
mod export_push;
mod harness;
mod kill;
mod manage;
mod master_key;
mod migrate;
mod mutations;
mod nodes;
mod nodes_faults;
mod people;
mod pictures;
mod playback;
mod push;
mod receiver;
mod repair;
mod reporter;
mod requests;
mod retention;
mod secrets;
mod serve;
mod slow;
mod tls;
mod viewer;
