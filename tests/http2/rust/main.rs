// SPDX-License-Identifier: Apache-2.0
//
// wires send PORT WORKLOAD JOURNAL CONCURRENCY | serve PORT WORKLOAD JOURNAL
//
// The two ends of a wire in HTTP/2 by hyper, with prior knowledge. answered.js says what a workload is.

use base64::{engine::general_purpose::STANDARD, Engine};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client, header, server, service::service_fn, Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{collections::HashMap, error::Error, fs, fs::File, io::Write, sync::Arc, sync::Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const ILP: &str = "application/octet-stream";

struct Exchange {
    fields: String, // destination and amount
    prepare: Bytes,
    answer: Bytes,
    outcome: String,
}

struct Journal(Mutex<File>);

impl Journal {
    fn note(&self, way: &str, exchange: &Exchange, outcome: &str) {
        writeln!(self.0.lock().unwrap(), "{way} {} {outcome}", exchange.fields).unwrap();
    }
}

fn workload(path: &str) -> Result<Vec<Exchange>> {
    let mut all = Vec::new();
    for line in fs::read_to_string(path)?.lines() {
        let part: Vec<&str> = line.split(' ').collect();
        all.push(Exchange {
            fields: format!("{} {}", part[0], part[1]),
            prepare: STANDARD.decode(part[2])?.into(),
            answer: STANDARD.decode(part[3])?.into(),
            outcome: part[4].into(),
        });
    }
    Ok(all)
}

type Sender = client::conn::http2::SendRequest<Full<Bytes>>;

async fn post(mut sender: Sender, url: &str, exchange: &Exchange) -> Result<String> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, ILP)
        .header(header::AUTHORIZATION, "Bearer secret-of-alice")
        .body(Full::new(exchange.prepare.clone()))?;
    let response = sender.send_request(request).await?;
    if response.status() != 200 {
        return Err(response.status().to_string().into());
    }
    let body = response.into_body().collect().await?.to_bytes();
    Ok(if body == exchange.answer { exchange.outcome.clone() } else { "not_ilp".into() })
}

async fn send(port: &str, work: Vec<Exchange>, journal: Arc<Journal>, concurrency: usize) -> Result<()> {
    let stream = TcpStream::connect(format!("127.0.0.1:{port}")).await?;
    let (sender, connection) = client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let url = format!("http://localhost:{port}/ilp");
    let places = Arc::new(Semaphore::new(concurrency));
    let mut under_way = Vec::new();
    for exchange in work {
        let place = places.clone().acquire_owned().await?;
        let (sender, url, journal) = (sender.clone(), url.clone(), journal.clone());
        under_way.push(tokio::spawn(async move {
            let outcome = post(sender, &url, &exchange).await.unwrap_or_else(|error| {
                eprintln!("{error}");
                "http_error".into()
            });
            journal.note("sent", &exchange, &outcome);
            drop(place);
        }));
    }
    for one in under_way {
        one.await?;
    }
    Ok(())
}

async fn serve(port: &str, work: Vec<Exchange>, journal: Arc<Journal>) -> Result<()> {
    let known: Arc<HashMap<Bytes, Exchange>> =
        Arc::new(work.into_iter().map(|exchange| (exchange.prepare.clone(), exchange)).collect());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (known, journal) = (known.clone(), journal.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let (known, journal) = (known.clone(), journal.clone());
            async move {
                let body = request.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
                let exchange = known.get(&body).ok_or("not of the workload")?;
                journal.note("received", exchange, &exchange.outcome);
                let response = Response::builder().header(header::CONTENT_TYPE, ILP);
                response.body(Full::new(exchange.answer.clone())).map_err(|error| error.to_string())
            }
        });
        tokio::spawn(async move {
            let connection = server::conn::http2::Builder::new(TokioExecutor::new());
            if let Err(error) = connection.serve_connection(TokioIo::new(stream), answer).await {
                eprintln!("{error}");
            }
        });
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let work = workload(&args[3])?;
    let journal = Arc::new(Journal(Mutex::new(File::create(&args[4])?)));
    match args[1].as_str() {
        "send" => send(&args[2], work, journal, args[5].parse()?).await,
        _ => serve(&args[2], work, journal).await,
    }
}
