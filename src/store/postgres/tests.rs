//! What a store on a server promises when somebody takes a journal over, when answers are lost, and when the server is
//! killed.

use super::connect::ServerSession;
use super::line::{AwayPatience, ServerLine};
use crate::base::id::RunId;
use crate::store::durability::Durability;
use crate::store::each_store::on_server;
use crate::store::each_store::postgres_server::{TestServer, shared_server};
use crate::store::server::address_of;
use crate::store::writer::{Series, Writer};
use crate::store::{
    self, EventRow, ObservationRow, ReadError, Reader, RemoteFault, RunEdge, SealRow, StoreChange,
    StoreError, StoredEvent,
};
use futures::executor::block_on;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn start(name: &Path) -> Writer {
    Writer::start(store::open(name).expect("a store"), name, Durability::Process).expect("a writer")
}

fn series(run: &str) -> Series {
    Series::of_run(&RunId(run.to_owned()))
}

/// The event of a number. The first one begins the run, and may take over the journal of another.
fn event(seq: i64, seal: Option<SealRow>) -> EventRow {
    let script = "s".to_owned();
    let edge = if seq == 0 { RunEdge::Begins { script, pid: 1, seal } } else { RunEdge::Within };
    let body = format!("{{\"n\":{seq}}}");
    let after = seq - 1;
    EventRow { seq, after, at: seq, kind: "k", op: None, body, text: None, edge, opens: None }
}

fn seal(run: &str, seq: i64) -> SealRow {
    SealRow { run: run.to_owned(), seq, at: 0, kind: "sealed", body: "{}".to_owned() }
}

/// Returns the kinds of the events of a run, with their numbers.
fn kinds(reader: &Reader, run: &str) -> Vec<String> {
    let mut kinds = Vec::new();
    let see = &mut |event: StoredEvent<'_>| {
        kinds.push(format!("{} {}", event.seq.shown(), event.kind.shown()));
        Ok(())
    };
    reader.events(&RunId(run.to_owned()), 0, usize::MAX, see).expect("events");
    kinds
}

fn observation(execution: Option<&str>) -> ObservationRow {
    ObservationRow {
        task: "t".to_owned(),
        pattern: "p".to_owned(),
        execution: execution.map(str::to_owned),
        success_rate: 1.0,
        counts: true,
        ..ObservationRow::default()
    }
}

#[test]
fn who_was_replaced_writes_nothing_more_and_takes_no_other_run_with_it() {
    let Some(place) = on_server("a journal that is taken over") else { return };
    let old = start(place.path());
    let new = start(place.path());
    let run = series("r");
    let other = series("other");

    for seq in [0, 1] {
        block_on(old.append(&run, event(seq, None))).expect("kept");
    }
    block_on(old.append(&other, event(0, None))).expect("kept");
    let taken = series("s");
    block_on(new.append(&taken, event(0, Some(seal("r", 2))))).expect("taken over");

    // Of two events, the second must not slip in behind the seal.
    let (first, second, beside) = block_on(async {
        futures::join!(
            old.append(&run, event(2, None)),
            old.append(&run, event(3, None)),
            old.append(&other, event(1, None))
        )
    });

    let is_over = |result: &Result<(), StoreError>| matches!(result, Err(StoreError::TakenOver { run }) if run == "r");
    assert!(is_over(&first) && is_over(&second), "{first:?} {second:?}");
    assert!(beside.is_ok(), "{beside:?}");
    let reader = store::open_to_read(place.path()).expect("a reader");
    assert_eq!(kinds(&reader, "r"), ["0 k", "1 k", "2 sealed"]);
    assert_eq!(kinds(&reader, "other"), ["0 k", "1 k"]);
}

#[test]
fn of_two_that_take_a_journal_over_one_is_refused_and_begins_no_run() {
    let Some(place) = on_server("two that take a journal over") else { return };
    let writer = start(place.path());
    let run = series("r");
    block_on(writer.append(&run, event(0, None))).expect("kept");

    let first = series("first");
    let second = series("second");
    block_on(writer.append(&first, event(0, Some(seal("r", 1))))).expect("taken over");
    let refused = block_on(writer.append(&second, event(0, Some(seal("r", 1)))));
    assert!(matches!(&refused, Err(StoreError::Contested { run }) if run == "r"), "{refused:?}");

    let reader = store::open_to_read(place.path()).expect("a reader");
    assert_eq!(kinds(&reader, "r"), ["0 k", "1 sealed"]);
    assert_eq!(kinds(&reader, "second"), [""; 0]);
    assert_eq!(reader.count_runs().expect("a count"), 2);
}

/// Stands between a store and its server. Once told so, it passes the next change on, keeps the answer to itself and
/// hangs up.
struct LossyProxy {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl LossyProxy {
    fn start(socket: PathBuf) -> LossyProxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let loses = Arc::new(AtomicBool::new(false));
        let told = loses.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = UnixStream::connect(&socket).expect("the server");
                pass(client, server, &told);
            }
        });
        LossyProxy { port, loses }
    }
}

/// Passes bytes both ways.
fn pass(client: TcpStream, server: UnixStream, loses: &Arc<AtomicBool>) {
    let mut up = (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut up.0, &mut up.1);
        let _ = up.1.shutdown(Shutdown::Both);
    });

    let mut down = (server, client);
    let loses = loses.clone();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = down.0.read(&mut bytes) {
            // What it says once it has carried something out: `INSERT 0 n`, or `COMMIT`.
            let answer = &bytes[..count];
            let says = |word: &[u8]| answer.windows(word.len()).any(|found| found == word);
            let is_done = says(b"COMMIT\0") || says(b"INSERT 0 1\0Z\0\0\0\x05I");
            if is_done && loses.swap(false, Ordering::SeqCst) {
                break;
            }
            if down.1.write_all(answer).is_err() {
                break;
            }
        }
        let _ = down.1.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_change_whose_answer_was_lost_is_kept_once() {
    let Some(server) = TestServer::start_with("lost answers", "listen_addresses=", false) else {
        return;
    };
    let proxy = LossyProxy::start(server.socket());
    let address = format!("postgres://tester@127.0.0.1:{}/postgres?schema=lossy", proxy.port);
    let name = store::name_server(&address, "test", false).expect("an address");
    let writer = start(&name);
    let run = series("r");
    let lose = || proxy.loses.store(true, Ordering::SeqCst);
    let has_lost = || !proxy.loses.load(Ordering::SeqCst);

    // The start of a run, which is a transaction of several statements.
    lose();
    block_on(writer.append(&run, event(0, None))).expect("kept");
    assert!(has_lost());

    // Events alone, which are one statement.
    for seq in 1..4 {
        lose();
        block_on(writer.append(&run, event(seq, None))).expect("kept");
        assert!(has_lost());
    }

    // An observation that nothing tells from another one.
    for _ in 0..3 {
        lose();
        block_on(writer.apply(StoreChange::Observations(vec![observation(None)]))).expect("kept");
        assert!(has_lost());
    }

    let reader = store::open_to_read(&name).expect("a reader");
    assert_eq!(kinds(&reader, "r"), ["0 k", "1 k", "2 k", "3 k"]);
    assert_eq!(reader.last_observation().expect("a number"), 3);
    let mut counts = Vec::new();
    let sums = reader.sums_of("t", |row| {
        counts.push(row.sums?.n);
        Ok::<_, store::ReadError>(())
    });
    sums.expect("sums");
    assert_eq!(counts, [3]);
}

#[test]
fn what_is_written_while_the_server_is_killed_waits_for_it() {
    let Some(mut server) = TestServer::start("a server that is killed") else { return };
    let name = store::name_server(&server.address_of("killed"), "test", false).expect("an address");
    let writer = start(&name);
    let reader = store::open_to_read(&name).expect("a reader");
    let run = series("r");
    block_on(writer.append(&run, event(0, None))).expect("kept");

    for round in 0..2 {
        server.kill();
        let first = 1 + round * 2;
        writer.append_soon(&run, event(first, None)).expect("not tried yet");
        let restart = std::thread::scope(|scope| {
            let waits = scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(300));
                server.go_on();
            });
            block_on(writer.append(&run, event(first + 1, None))).expect("kept");
            waits.join()
        });
        assert!(restart.is_ok());
    }
    assert_eq!(kinds(&reader, "r"), ["0 k", "1 k", "2 k", "3 k", "4 k"]);
}

#[test]
fn a_moment_ends_with_its_connection_and_never_goes_over_to_another_one() {
    let Some(place) = on_server("a moment whose connection ends") else { return };
    let Some(server) = shared_server("a moment whose connection ends") else { return };
    let writer = start(place.path());
    block_on(writer.append(&series("r"), event(0, None))).expect("kept");

    let reader = store::open_to_read(place.path()).expect("a reader");
    let moment = reader.freeze().expect("a moment");
    assert_eq!(moment.count_runs().expect("a count"), 1);
    let Reader::Shared(shared) = &*moment else { panic!("a store on a server") };
    let pid: i32 = shared.value("select pg_backend_pid()", &[]).expect("a number");
    server.sql(&format!("select pg_terminate_backend({pid})"));
    block_on(writer.append(&series("s"), event(0, None))).expect("kept");

    // The first question may be the one that finds the connection ended.
    for _ in 0..2 {
        let count = moment.count_runs();
        let is_away = matches!(&count, Err(ReadError::Server(RemoteFault::Away { .. })));
        assert!(is_away, "{count:?}");
    }
    drop(moment);
    assert_eq!(reader.count_runs().expect("a count"), 2);
}

#[test]
fn a_server_that_was_waited_for_in_vain_is_not_waited_for_again() {
    let Some(mut server) = TestServer::start("a server that stays away") else { return };
    let name = store::name_server(&server.address_of("away"), "test", false).expect("an address");
    let writer = start(&name);
    let reader = store::open_to_read(&name).expect("a reader");
    let change = || block_on(writer.apply(StoreChange::Observations(vec![observation(None)])));
    change().expect("kept");
    server.stop();

    let fault = |result| match result {
        Err(StoreError::Server { fault, .. }) => fault,
        other => panic!("{other:?}"),
    };
    assert!(matches!(fault(change()), RemoteFault::Gone { .. }));
    // Who has not waited says that the server is away.
    assert!(matches!(fault(change()), RemoteFault::Away { .. }));
    assert!(matches!(fault(store::open(&name).map(drop)), RemoteFault::Away { .. }));
    let read = reader.last_observation();
    assert!(matches!(read, Err(ReadError::Server(RemoteFault::Away { .. }))), "{read:?}");

    server.go_on();
    change().expect("kept");
    assert_eq!(reader.last_observation().expect("a number"), 2);
    server.kill();
    std::thread::scope(|scope| {
        let back = scope.spawn(|| server.go_on());
        change().expect("waited for, as it was reached again");
        back.join().expect("it is back");
    });
}

/// Opens a store for writing that cannot be used, and returns why.
fn fault(address: &str) -> RemoteFault {
    let name = store::name_server(address, "test", false).expect("an address");
    match store::open(&name) {
        Err(StoreError::Server { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_cannot_be_used_says_why() {
    let Some(server) = TestServer::start_with("servers of no use", "fsync=off", false) else {
        return;
    };
    assert_eq!(fault(&server.address()), RemoteFault::Unsafe { setting: "fsync" });
    let name = store::name_server(&server.address_of("accepted"), "test", true);
    store::open(&name.expect("an address")).expect("the risk is accepted");

    server.sql(
        "create role reading login; alter role reading set default_transaction_read_only = on",
    );
    let read_only = fault(&server.address_for("reading", "other"));
    assert!(matches!(read_only, RemoteFault::ReadOnly { .. }), "{read_only:?}");

    let missing = server.address().replace("/postgres?", "/nothing?");
    assert!(matches!(fault(&missing), RemoteFault::NoDatabase { .. }));
    let stranger = fault(&server.address_for("stranger", "other"));
    assert!(matches!(stranger, RemoteFault::Login { .. }), "{stranger:?}");

    let away = fault("postgres://tester@127.0.0.1:1/postgres");
    assert!(matches!(away, RemoteFault::Away { .. }), "{away:?}");
    let plain = fault("postgres://tester@192.0.2.1/postgres?sslmode=disable");
    assert_eq!(plain, RemoteFault::PlainText);

    let name = store::name_server(&server.address_of("nobody"), "test", false).expect("an address");
    let read = store::open_to_read(&name);
    let is_lacking = matches!(
        &read,
        Err(StoreError::Server { fault: RemoteFault::Lacking { schema }, .. }) if schema == "nobody"
    );
    assert!(is_lacking, "{read:?}");
}

#[test]
fn a_server_that_takes_connections_and_says_nothing_is_not_waited_for_without_end() {
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = mute.local_addr().expect("an address").port();
    let no_answer = RemoteFault::Away { reason: "no answer for 2 s".to_owned() };
    let address = format!("postgres://tester@127.0.0.1:{port}/postgres?connect_timeout=1");
    assert_eq!(fault(&address), no_answer);

    let Some(server) = TestServer::start("a server that has stopped") else { return };
    let address = format!("{}&connect_timeout=1", server.address_of("stopped"));
    server.signal("-STOP");
    let stopped = fault(&address);
    server.signal("-CONT");
    assert_eq!(stopped, no_answer);
}

#[test]
fn a_transaction_does_not_outlive_a_process_that_has_stopped() {
    let Some(place) = on_server("a transaction of a stopped process") else { return };
    drop(store::open(place.path()).expect("a store"));
    let line = ServerLine::new(address_of(place.path()).expect("an address"));
    let sql = "show idle_in_transaction_session_timeout";
    let limit = line.ask(AwayPatience::None, &async |session: &ServerSession| {
        let limit = async { Ok(session.row(sql, &[]).await?.map(|row| row.get(0))) };
        session.transact(limit).await
    });
    assert_eq!(limit, Ok(Some("30s".to_owned())));
}

#[test]
fn the_version_changes_with_each_commit_in_whatever_order() {
    // Nobody else changes anything on it.
    let test = "changes that overtake one another";
    let Some(server) = TestServer::start_with(test, "autovacuum=off", false) else { return };
    let name = store::name_server(&server.address_of("order"), "test", false).expect("an address");
    let reader = store::open(&name).expect("a store");
    let version = || reader.version().expect("a number");

    let [old, new] = [0, 1].map(|_| ServerLine::new(address_of(&name).expect("an address")));
    let batch = |line: &ServerLine, sql: &str| {
        line.ask(AwayPatience::None, &async |session: &ServerSession| session.batch(sql).await)
    };
    for (line, id) in [(&old, 1), (&new, 2)] {
        batch(line, &format!("begin; insert into changes (id) values ({id})")).expect("begun");
    }

    let mut seen = vec![version()];
    for line in [&new, &old] {
        batch(line, "commit").expect("committed");
        seen.push(version());
    }
    assert_eq!(version(), seen[2], "nothing has changed");
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn schemas_of_others_and_of_newer_programs_stay_as_they_are() {
    let Some(server) = shared_server("foreign schemas") else {
        return;
    };
    server.sql("create schema foreign_one; create table foreign_one.t (a int)");
    let schema = "foreign_one".to_owned();
    assert_eq!(fault(&server.address_of("foreign_one")), RemoteFault::Foreign { schema });

    let name = store::name_server(&server.address_of("newer"), "test", false).expect("an address");
    store::open(&name).expect("a store");
    server.sql("update newer.format set version = 99");
    assert_eq!(fault(&server.address_of("newer")), RemoteFault::Format { found: 99, known: 2 });
}

#[test]
fn a_full_disk_ends_what_is_written_and_keeps_what_was() {
    let Some(place) = on_server("a full disk") else { return };
    let Some(server) = shared_server("a full disk") else {
        return;
    };
    let writer = start(place.path());
    let run = series("r");
    block_on(writer.append(&run, event(0, None))).expect("room");

    let text = place.path().display().to_string();
    let schema = text.split("schema=").nth(1).expect("a schema");
    server.sql(&format!(
        "create function {schema}.full_disk() returns trigger language plpgsql as
            $$ begin raise exception 'could not extend file: No space left on device'
                using errcode = '53100'; end $$;
         create trigger full_disk before insert on {schema}.events
            execute function {schema}.full_disk()"
    ));
    let full = block_on(writer.append(&run, event(1, None)));
    let is_full = matches!(&full, Err(StoreError::Server { fault: RemoteFault::Full { .. }, .. }));
    assert!(is_full, "{full:?}");
    assert_eq!(kinds(&store::open_to_read(place.path()).expect("a reader"), "r"), ["0 k"]);
}

#[test]
fn an_execution_counts_once_however_often_it_is_told() {
    let Some(place) = on_server("an execution that is told twice") else { return };
    let writer = start(place.path());
    let rows = || vec![observation(Some("e")), observation(Some("e")), observation(Some("f"))];
    for _ in 0..2 {
        block_on(writer.apply(StoreChange::Observations(rows()))).expect("kept");
    }
    let reader = store::open_to_read(place.path()).expect("a reader");
    assert_eq!(reader.last_observation().expect("a number"), 2);
}
