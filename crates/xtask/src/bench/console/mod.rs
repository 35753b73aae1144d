//! `cargo xtask bench console`: how soon the demo is ready, what each page of the console costs on its data, and what the
//! first page weighs.

mod demo;
mod pages;
mod weight;

use std::time::Duration;

use crate::bench::console::demo::Demo;
use crate::bench::console::pages::Page;
use crate::bench::http::Connection;
use crate::bench::reportd::{Place, Reportd};
use crate::bench::server::Server;
use crate::bench::{ms, percentile};
use crate::clock::Stopwatch;
use crate::command::BenchConsole;
use crate::text_table::{grouped, text_table};

/// What the issue asks for.
const AIM_READY: Duration = Duration::from_secs(30);
const AIM_P99_MS: f64 = 30.0;
const AIM_BYTES: usize = 60_000;
/// Rounds that are not counted: caches fill.
const WARM_UP: u64 = 5;
/// It shows nothing of any data: what a page costs at the least.
const LOGIN: &str = "/console/login";

/// Measures, and prints each figure when it is there.
pub(crate) fn measure(options: &BenchConsole) -> anyhow::Result<()> {
    println!("building reportd in release");
    let reportd = Reportd::build("--release")?;
    let folder = tempfile::tempdir_in(reportd.bench_folder()?)?;
    let place = Place::embedded(&folder.path().join("demo"));
    let demo = Demo::start(&reportd, &place)?;
    println!(
        "demo: ready in {:.1} s (aim: {} s), by its own clock {}",
        demo.ready_after.as_secs_f64(),
        AIM_READY.as_secs(),
        demo.told_ready
    );
    let (user, password) = (demo.user.clone(), demo.password.clone());
    demo.stop()?;
    // Its data without its traffic, so that a page waits for nothing.
    let server = Server::start(&reportd, &place, "")?;
    let mut connection = Connection::browse(&server.address)?;
    pages::log_in(&mut connection, &user, &password)?;
    weigh(&mut connection)?;
    let pages = pages::find(&mut connection)?;
    let times = read_in_turns(&server, &mut connection, &pages, options.requests)?;
    print_times(&pages, &times, options.requests);
    server.stop()
}

fn weigh(connection: &mut Connection) -> anyhow::Result<()> {
    let weights = weight::first_page(connection)?;
    let all: usize = weights.iter().map(|(_, bytes)| bytes).sum();
    println!(
        "first page, heads included: {} bytes (aim: {})",
        grouped(all as u64),
        grouped(AIM_BYTES as u64)
    );
    for (name, bytes) in weights {
        println!("  {} {name}", grouped(bytes as u64));
    }
    Ok(())
}

/// From a request to the whole reply, of each page in each round: the machine is the same for all. The login page, which
/// somebody who is logged in is not shown, is asked for by somebody who is not.
fn read_in_turns(
    server: &Server,
    connection: &mut Connection,
    pages: &[Page],
    rounds: u64,
) -> anyhow::Result<Vec<Vec<Duration>>> {
    let mut stranger = Connection::browse(&server.address)?;
    let mut times = vec![Vec::new(); pages.len() + 1];
    for round in 0..WARM_UP + rounds {
        for (number, times) in times.iter_mut().enumerate() {
            let watch = Stopwatch::start();
            match number.checked_sub(1) {
                None => stranger.load(LOGIN)?,
                Some(page) => connection.load(&pages[page].address)?,
            };
            if round >= WARM_UP {
                times.push(watch.elapsed());
            }
        }
    }
    Ok(times)
}

fn print_times(pages: &[Page], times: &[Vec<Duration>], rounds: u64) {
    println!(
        "\npages, from the request to the whole reply on one connection, {} each in turns (aim: p99 < {AIM_P99_MS} ms)",
        grouped(rounds)
    );
    let figure = |times: &[Duration], hundredths| ms(percentile(times, hundredths));
    let least = [50, 99].map(|hundredths| figure(&times[0], hundredths));
    let head = ["page", "kB", "p50", "of login", "p99", "of login", "aim"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let named = pages.iter().map(|page| (page.name.as_str(), page.bytes));
    for ((name, bytes), times) in [(LOGIN, 0)].into_iter().chain(named).zip(times) {
        let [p50, p99] = [50, 99].map(|hundredths| figure(times, hundredths));
        rows.push(vec![
            name.to_owned(),
            format!("{:.1}", bytes as f64 / 1_000.0),
            format!("{p50:.2} ms"),
            format!("{:.1}", p50 / least[0]),
            format!("{p99:.2} ms"),
            format!("{:.1}", p99 / least[1]),
            if p99 < AIM_P99_MS { "held" } else { "missed" }.to_owned(),
        ]);
    }
    println!("{}", text_table(&rows));
}
