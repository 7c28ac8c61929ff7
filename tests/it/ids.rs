//! Gives each request one id, whatever the client sends, and passes it on.

use std::{
    convert::Infallible,
    future::ready,
    process::Command,
    sync::{Arc, Barrier},
    task::Poll,
    thread,
};

use axum::{
    Extension, Router, body::Body, extract::Request, middleware::map_request, routing::get,
};
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{
    Response,
    body::{Bytes, Frame},
    header::HeaderValue,
};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_http::request_id::RequestId;
use tower_vitals::{
    RequestIdLayer, Vitals, exchange::Exchange, logging::Format, metrics::Settings,
    request_id::ForwardRequestIdLayer,
};

use crate::support::{lines::written, requests, server::Server, stacks::isolated};

async fn seen(request: Request) -> String {
    let header = request.headers()["x-request-id"].to_str().unwrap();
    assert!(request.extensions().get::<RequestId>().is_none());
    assert_eq!(Exchange::current().unwrap().id(), Some(header));
    header.to_owned()
}

/// The id that the handler saw, and the ids on the response.
async fn over_the_wire(server: &Server, headers: &str) -> (String, Vec<String>) {
    let request = format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
    let answer = server.raw(request).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let ids = head
        .lines()
        .filter_map(|line| line.strip_prefix("x-request-id: "));
    (body.to_owned(), ids.map(str::to_owned).collect())
}

fn is_uuid_v7(id: &str) -> bool {
    uuid::Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7)
}

#[tokio::test]
async fn a_route_adds_a_header_for_the_id_and_leaves_the_id_as_it_is() {
    let seen = async |request: Request| {
        let extension = request.extensions().get::<RequestId>();
        let id = |value: Option<&HeaderValue>| value.map(|id| id.to_str().unwrap().to_owned());
        let ids = [
            id(request.headers().get("x-request-id")),
            id(request.headers().get("x-correlation-id")),
            id(extension.map(RequestId::header_value)),
            Exchange::current().unwrap().id().map(str::to_owned),
        ];
        format!("{ids:?}")
    };
    let own = || RequestIdLayer::new().header("x-correlation-id").unwrap();
    let route = own().tower_http_extension(true);
    let app = Router::new()
        .route("/own", get(seen).layer(route))
        .route("/plain", get(seen).layer(RequestIdLayer::new()))
        .layer(isolated().layer());
    let server = Server::start(app).await;
    for mut client in [server.http1(), server.http2()] {
        for (path, is_own) in [("/own", true), ("/plain", false)] {
            let mut request = Request::new(Full::<Bytes>::default());
            *request.uri_mut() = format!("http://{}{path}", server.address).parse().unwrap();
            let headers = request.headers_mut();
            headers.insert("x-request-id", HeaderValue::from_static("id-7"));
            if is_own {
                headers.insert("x-correlation-id", HeaderValue::from_static("theirs"));
            }
            let response = client.send(request).await.unwrap();
            let all = |name| response.headers().get_all(name).iter().collect::<Vec<_>>();
            assert_eq!(all("x-request-id"), ["id-7"]);
            let own: &[&str] = if is_own { &["id-7"] } else { &[] };
            assert_eq!(all("x-correlation-id"), own);
            let id = Some("id-7");
            let own = id.filter(|_| is_own);
            let expected = format!("{:?}", [id, own, own, id]);
            assert_eq!(requests::text(response.into_body()).await, expected);
        }
    }
}

#[tokio::test]
async fn hostile_ids_are_replaced_and_appear_nowhere() {
    let vitals = isolated();
    // The server runs on this thread, so its lines are kept.
    let (written, _guard) = written(Format::Json);
    let app = Router::new().route("/", get(seen)).layer(vitals.layer());
    let server = Server::start(app).await;
    let (saw, answered) = over_the_wire(&server, "").await;
    assert!(is_uuid_v7(&saw), "{saw}");
    assert_eq!(answered, [saw]);
    let (saw, answered) = over_the_wire(&server, "X-Request-Id: their-own.id_7\r\n").await;
    assert_eq!(
        (saw.as_str(), answered),
        ("their-own.id_7", vec!["their-own.id_7".to_owned()])
    );
    let long = "a".repeat(6_000);
    for hostile in [
        "",
        "   ",
        "a b",
        "\"",
        "\\",
        "<script>",
        "${jndi:ldap://x}",
        "%0a",
        "; DROP",
        "a\tb",
        "\u{202e}",
        "\u{200b}",
        "caf\u{e9}",
        &long,
        &"a".repeat(129),
    ] {
        let (saw, answered) = over_the_wire(&server, &format!("x-request-id: {hostile}\r\n")).await;
        assert!(is_uuid_v7(&saw), "{hostile:?}");
        assert_eq!(answered, [saw.as_str()], "{hostile:?}");
        let text = written.take();
        assert!(text.contains(&saw), "{text}");
        let escaped = serde_json::to_string(hostile).unwrap();
        for hostile in [hostile, escaped.trim_matches('"')] {
            let appears = hostile.trim().len() > 2 && text.contains(hostile);
            assert!(!appears, "{hostile:?}: {text}");
        }
    }
    let (saw, answered) = over_the_wire(&server, "x-request-id: a\r\nx-request-id: b\r\n").await;
    assert!(is_uuid_v7(&saw));
    assert_eq!(answered, [saw]);
}

#[tokio::test]
async fn code_that_reads_the_id_of_tower_http_finds_it_if_the_layer_says_so() {
    let layer = RequestIdLayer::new().tower_http_extension(true);
    let vitals = Vitals::builder().isolated().request_id(layer).build();
    let read = async |Extension(id): Extension<RequestId>| {
        let id = id.header_value().to_str().unwrap();
        assert_eq!(Exchange::current().unwrap().id(), Some(id));
        id.to_owned()
    };
    let app = Router::new()
        .route("/", get(read))
        .layer(vitals.unwrap().layer());
    let server = Server::start(app).await;
    let (saw, answered) = over_the_wire(&server, "x-request-id: mine\r\n").await;
    assert_eq!((saw.as_str(), answered), ("mine", vec!["mine".to_owned()]));
}

#[tokio::test]
async fn code_that_reads_the_id_of_an_older_tower_http_finds_it_as_the_page_on_migration_says() {
    type OlderId = tower_http_06::request_id::RequestId;
    let older = map_request(async |mut request: Request| {
        if let Some(id) = request.headers().get("x-request-id").cloned() {
            request.extensions_mut().insert(OlderId::new(id));
        }
        request
    });
    let read = async |Extension(id): Extension<OlderId>| {
        let id = id.header_value().to_str().unwrap();
        assert_eq!(Exchange::current().unwrap().id(), Some(id));
        id.to_owned()
    };
    let app = Router::new()
        .route("/", get(read))
        .layer(older)
        .layer(isolated().layer());
    let server = Server::start(app).await;
    let (saw, answered) = over_the_wire(&server, "x-request-id: mine\r\n").await;
    assert_eq!((saw.as_str(), answered), ("mine", vec!["mine".to_owned()]));
    let (saw, answered) = over_the_wire(&server, "").await;
    assert!(is_uuid_v7(&saw));
    assert_eq!(answered, [saw]);
}

#[tokio::test]
async fn a_layer_without_trust_keeps_no_inbound_id() {
    let untrusting = Vitals::builder()
        .isolated()
        .request_id(RequestIdLayer::new().trust_inbound(false))
        .build()
        .unwrap();
    let app = Router::new()
        .route("/", get(seen))
        .layer(untrusting.layer());
    let server = Server::start(app).await;
    let (saw, answered) = over_the_wire(
        &server,
        "x-request-id: valid\r\nx-forwarded-for: 127.0.0.1\r\n",
    )
    .await;
    assert!(is_uuid_v7(&saw));
    assert_eq!(answered, [saw]);
}

#[tokio::test]
async fn a_makers_nonsense_or_panic_falls_back_and_is_counted() {
    let nonsense = [
        "",
        "a\r\nset-cookie: x=1",
        "a\0",
        "\u{202e}",
        &"a".repeat(129),
    ];
    for (failures, made) in nonsense
        .into_iter()
        .map(|made| (1, made))
        .chain([(0, "fine-7")])
    {
        let metrics = Settings::new().isolated().unwrap();
        let owned = made.to_owned();
        let layer = RequestIdLayer::new()
            .metrics(metrics.clone())
            .make_with(move || owned.clone());
        let app = Router::new().route("/", get(seen)).layer(layer);
        let response = app.oneshot(Request::new(Body::empty())).await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap();
        assert_eq!(is_uuid_v7(id), failures == 1, "{made:?}");
        assert_eq!(metrics.totals().hook_failures, failures, "{made:?}");
    }
    let metrics = Settings::new().isolated().unwrap();
    let panicking = RequestIdLayer::new()
        .metrics(metrics.clone())
        .make_with(|| std::panic::resume_unwind(Box::new(())));
    let app = Router::new().route("/", get(seen)).layer(panicking);
    for n in 1..=3 {
        let response = app
            .clone()
            .oneshot(Request::new(Body::empty()))
            .await
            .unwrap();
        assert!(is_uuid_v7(
            response.headers()["x-request-id"].to_str().unwrap()
        ));
        assert_eq!(metrics.totals().hook_failures, n);
    }
}

/// A client whose answer is the id of its own request.
fn client()
-> impl Service<Request<()>, Response = Response<Full<Bytes>>, Error = Infallible, Future: Send>
+ Clone
+ Send {
    ServiceBuilder::new()
        .layer(ForwardRequestIdLayer::new())
        .service(service_fn(|request: Request<()>| async move {
            let id = request
                .headers()
                .get("x-request-id")
                .map_or("none".into(), |id| id.as_bytes().to_vec());
            Ok(Response::new(Full::new(Bytes::from(id))))
        }))
}

async fn call() -> String {
    let request = Request::new(());
    requests::text(client().oneshot(request).await.unwrap().into_body()).await
}

#[tokio::test]
async fn outbound_requests_carry_the_id_of_the_exchange_they_belong_to() {
    async fn handler() -> String {
        let spawned = tokio::spawn(call()).await.unwrap();
        let carried = tokio::spawn(Exchange::current().unwrap().scope(call()))
            .await
            .unwrap();
        let mut own = Request::new(());
        own.headers_mut()
            .insert("x-request-id", "own".parse().unwrap());
        let own = requests::text(client().oneshot(own).await.unwrap().into_body()).await;
        let (left, right) = tokio::join!(call(), async {
            tokio::task::yield_now().await;
            call().await
        });
        [left, right, spawned, carried, own].join(" ")
    }
    let app = Router::new()
        .route("/", get(handler))
        .layer(RequestIdLayer::new());
    let ask = async |id: &str| {
        let request = Request::builder()
            .header("x-request-id", id)
            .body(Body::empty())
            .unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        requests::text(response.into_body()).await
    };
    // Two requests take turns in one task.
    let (a, b) = tokio::join!(ask("a"), ask("b"));
    assert_eq!(
        (a.as_str(), b.as_str()),
        ("a a none a own", "b b none b own")
    );
    assert_eq!(call().await, "none", "outside of any request");
}

#[tokio::test]
async fn a_header_of_ones_own_name_carries_the_id_in_out_and_onward() {
    const OWN: &str = "x-correlation-id";
    let outbound = ForwardRequestIdLayer::new().header(OWN).unwrap();
    let handler = service_fn(move |request: Request<()>| {
        let client = outbound.layer(service_fn(|request: Request<()>| {
            ready(Ok::<_, Infallible>(request.headers().clone()))
        }));
        async move {
            assert_eq!(request.headers()[OWN], "mine");
            let sent = client.oneshot(Request::new(())).await?;
            assert_eq!(sent[OWN], "mine");
            assert!(!sent.contains_key("x-request-id"));
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let service = RequestIdLayer::new().header(OWN).unwrap().layer(handler);
    let request = Request::builder().header(OWN, "mine").body(()).unwrap();
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(response.headers()[OWN], "mine");
    assert!(!response.headers().contains_key("x-request-id"));
}

/// Notes the id of the exchange in which it is dropped.
struct NotesId(Arc<std::sync::Mutex<Vec<Option<String>>>>);

impl Drop for NotesId {
    fn drop(&mut self) {
        let id = Exchange::current().and_then(|exchange| exchange.id().map(str::to_owned));
        self.0.lock().unwrap().push(id);
    }
}

#[tokio::test]
async fn destructors_of_a_dropped_body_run_in_its_exchange() {
    let ids = Arc::default();
    let service = RequestIdLayer::new().layer(service_fn({
        let ids = Arc::clone(&ids);
        move |_: Request<()>| {
            let notes = NotesId(Arc::clone(&ids));
            let frames = stream::poll_fn(move |_| {
                let _notes = &notes;
                Poll::<Option<Result<Frame<Bytes>, Infallible>>>::Pending
            });
            ready(Ok::<_, Infallible>(Response::new(StreamBody::new(frames))))
        }
    }));
    let request = Request::builder()
        .header("x-request-id", "mine")
        .body(())
        .unwrap();
    drop(service.oneshot(request).await.unwrap());
    assert_eq!(*ids.lock().unwrap(), [Some("mine".to_owned())]);
}

/// The exchange ends with the last frame or with the head, and the server drops the body after that.
#[tokio::test]
async fn destructors_of_a_body_that_has_ended_run_in_its_exchange() {
    for (method, length, breaks) in [
        ("GET", None, false),
        ("GET", None, true),
        // The exchange ends with its last byte.
        ("GET", Some(1), false),
        // No server polls these bodies.
        ("GET", Some(0), false),
        ("HEAD", None, false),
    ] {
        let ids = Arc::default();
        let service = RequestIdLayer::new().layer(service_fn({
            let ids = Arc::clone(&ids);
            move |_: Request<()>| {
                let notes = NotesId(Arc::clone(&ids));
                let last = breaks.then(|| Err(std::io::Error::other("broken")));
                let frames = [Ok(Frame::data(Bytes::from_static(b"x")))];
                let frames = frames.into_iter().chain(last).inspect(move |_| {
                    let _notes = &notes;
                });
                let mut response = Response::new(StreamBody::new(stream::iter(frames)));
                if let Some(length) = length {
                    let length = HeaderValue::from(length);
                    response.headers_mut().insert("content-length", length);
                }
                ready(Ok::<_, Infallible>(response))
            }
        }));
        let request = Request::builder().method(method);
        let request = request.header("x-request-id", "mine").body(()).unwrap();
        let body = service.oneshot(request).await.unwrap().into_body();
        if method == "GET" && length != Some(0) {
            assert_eq!(body.collect().await.is_err(), breaks);
        } else {
            drop(body);
        }
        let expected = [Some("mine".to_owned())];
        assert_eq!(*ids.lock().unwrap(), expected, "{method} {length:?}");
    }
}

#[tokio::test]
async fn destructors_of_a_dropped_handler_run_in_its_exchange() {
    let ids = Arc::default();
    let service = RequestIdLayer::new().layer(service_fn({
        let ids = Arc::clone(&ids);
        move |_: Request<()>| {
            let notes = NotesId(Arc::clone(&ids));
            async move {
                let _notes = notes;
                std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>().await
            }
        }
    }));
    let request = Request::builder()
        .header("x-request-id", "mine")
        .body(())
        .unwrap();
    let mut running = Box::pin(service.oneshot(request));
    assert!(futures::poll!(&mut running).is_pending());
    drop(running);
    assert_eq!(*ids.lock().unwrap(), [Some("mine".to_owned())]);
}

/// As that of `tower::timeout`, the future still has its handler when it answers.
#[tokio::test]
async fn destructors_of_a_handler_that_outlives_its_answer_run_in_its_exchange() {
    for fails in [false, true] {
        let ids = Arc::default();
        let service = RequestIdLayer::new().layer(service_fn({
            let ids = Arc::clone(&ids);
            move |_: Request<()>| {
                let notes = NotesId(Arc::clone(&ids));
                std::future::poll_fn(move |_| {
                    let _notes = &notes;
                    Poll::Ready(match fails {
                        true => Err(std::io::Error::other("too late")),
                        false => Ok(Response::new(Full::<Bytes>::default())),
                    })
                })
            }
        }));
        let request = Request::builder().header("x-request-id", "mine");
        let answer = service.oneshot(request.body(()).unwrap()).await;
        assert_eq!(answer.is_err(), fails);
        assert_eq!(*ids.lock().unwrap(), [Some("mine".to_owned())], "{fails}");
    }
}

/// Five million ids in all.
const PER_THREAD: usize = 416_667;

/// `ids_are_unique_over_threads_and_processes` runs this in processes of their own; alone, it does nothing.
#[test]
fn print_ids_of_one_process() {
    let Some(file) = std::env::var_os("TOWER_VITALS_TEST_IDS") else {
        return;
    };
    let barrier = Barrier::new(4);
    let ids = || {
        let service = RequestIdLayer::new().layer(service_fn(|_: Request<()>| {
            ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())))
        }));
        barrier.wait();
        let mut ids = Vec::with_capacity(PER_THREAD * 16);
        for _ in 0..PER_THREAD {
            let answer = service.clone().oneshot(Request::new(()));
            let response = futures::executor::block_on(answer).unwrap();
            let id = uuid::Uuid::try_parse_ascii(response.headers()["x-request-id"].as_bytes());
            ids.extend(id.unwrap().into_bytes());
        }
        ids
    };
    let all: Vec<Vec<u8>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ids)).collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap());
        joined.collect()
    });
    std::fs::write(file, all.concat()).unwrap();
}

#[test]
fn ids_are_unique_over_threads_and_processes() {
    let directory = tempdir();
    let processes: Vec<_> = (0..3)
        .map(|n| {
            let file = directory.join(n.to_string());
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "ids::print_ids_of_one_process"])
                .env("TOWER_VITALS_TEST_IDS", &file)
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            (child, file)
        })
        .collect();
    let mut ids: Vec<u128> = Vec::new();
    for (mut child, file) in processes {
        assert!(child.wait().unwrap().success());
        let bytes = std::fs::read(file).unwrap();
        let each = bytes
            .chunks_exact(16)
            .map(|id| u128::from_be_bytes(id.try_into().unwrap()));
        ids.extend(each);
    }
    assert_eq!(ids.len(), 3 * 4 * PER_THREAD);
    assert!(
        ids.iter().all(|id| (id >> 76) & 0xf == 7),
        "not all are version 7"
    );
    ids.sort_unstable();
    assert!(
        ids.windows(2).all(|pair| pair[0] != pair[1]),
        "one id twice"
    );
    std::fs::remove_dir_all(directory).unwrap();
}

/// A directory that no other run of the suite has.
fn tempdir() -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("tower-vitals-ids-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
