//! What `engine generate` spends its time on, stage by stage, for three sizes of clusters.
//!
//! Compare stages within one run: figures of different runs differ with the machine's mood. `cargo bench` prints them;
//! `docs/benchmarks.md` holds a run with the shares worked out. `-- --write-models FOLDER` writes the models instead, for
//! measuring the program as a whole.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail by a panic")]

mod models;

use std::time::Duration;

use criterion::Criterion;
use engine::arm::{Emission, emit};
use engine::base::{Files, Source, SystemClock, SystemEntropy};
use engine::bootstrap::Start;
use engine::cluster::{Definition, Form, generate};
use engine::contract::Platform;
use engine::expand::{expand, machine_payloads, outputs};
use engine::graph::Scope;
use engine::model::{ReadOptions, read};
use engine::pki::{Given, KeyMaterial};
use models::{SIZES, Size};

fn stages(criterion: &mut Criterion, size: &Size) {
    let source = Source { name: size.file(), text: serde_json::to_string_pretty(&size.model()).unwrap() };
    let reading = read(&source, &ReadOptions::default());
    assert!(reading.cluster.is_some(), "{:#?}", reading.diagnostics);
    let cluster = reading.cluster.unwrap();
    let keys = KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy).unwrap();
    let payloads = machine_payloads(&cluster, Platform::Azure, &keys, Start::Init).unwrap();
    let nowhere = "00000000-0000-0000-0000-000000000000".to_owned();
    let scope = Scope {
        subscription_id: nowhere.clone(),
        tenant_id: nowhere,
        resource_group: "benchmark".to_owned(),
        location: cluster.location.clone(),
    };
    let graph = expand(&cluster, &scope, &payloads.payloads).unwrap();
    let api_version = cluster.cloud.api_profile().api_version("Microsoft.Resources/deployments").unwrap();
    let emission = Emission {
        cluster: &cluster.dns_prefix,
        deployments_api_version: api_version,
        outputs: outputs(&cluster),
        secret_lengths: Default::default(),
        in_key_vaults: Default::default(),
    };
    let folder = tempfile::tempdir().unwrap();
    let definition = Definition::new(
        cluster.clone(),
        None,
        &engine::state::Store::open(folder.path()),
        &SystemClock,
        &SystemEntropy,
    )
    .unwrap();
    let files: Files = generate(&definition, &Form::default()).unwrap().files;

    let mut group = criterion.benchmark_group(size.name);
    group.bench_function("1 read and validate", |bencher| bencher.iter(|| read(&source, &ReadOptions::default())));
    group.bench_function("2 make keys", |bencher| {
        bencher.iter(|| KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy).unwrap());
    });
    group.bench_function("3 bootstrap", |bencher| {
        bencher.iter(|| machine_payloads(&cluster, Platform::Azure, &keys, Start::Init))
    });
    group.bench_function("4 expand", |bencher| bencher.iter(|| expand(&cluster, &scope, &payloads.payloads)));
    group.bench_function("5 emit", |bencher| bencher.iter(|| emit(&graph, &emission)));
    group.bench_function("6 write", |bencher| bencher.iter(|| files.write(folder.path()).unwrap()));
    group.finish();
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|argument| argument == "--write-models") {
        let folder = std::path::Path::new(arguments.get(place + 1).map_or(".", String::as_str));
        std::fs::create_dir_all(folder).unwrap();
        for size in &SIZES {
            std::fs::write(folder.join(size.file()), serde_json::to_string_pretty(&size.model()).unwrap()).unwrap();
        }
        return;
    }
    let mut criterion =
        Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).configure_from_args();
    for size in &SIZES {
        stages(&mut criterion, size);
    }
    criterion.final_summary();
}
