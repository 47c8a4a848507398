//! What `engine generate` spends its time on, stage by stage, for 3 control-plane and 100 worker machines.
//!
//! Compare stages within one run: figures of different runs differ with the machine's mood. `cargo bench` prints them;
//! `docs/benchmarks.md` holds a run with the shares worked out.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark may fail by a panic")]

use criterion::{Criterion, criterion_group, criterion_main};
use engine::arm::{Emission, emit};
use engine::base::{Source, SystemClock, SystemEntropy};
use engine::bootstrap::Start;
use engine::cluster::{Definition, Form, generate};
use engine::expand::{expand, machine_payloads, outputs};
use engine::graph::Scope;
use engine::model::{Cluster, ReadOptions, read};
use engine::pki::{Given, KeyMaterial};

const WORKERS: u32 = 100;

fn source() -> Source {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/apimodels/quickstart.json");
    let mut model: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    model["properties"]["masterProfile"]["count"] = 3.into();
    model["properties"]["agentPoolProfiles"][0]["count"] = WORKERS.into();
    Source { name: "benchmark".to_owned(), text: serde_json::to_string_pretty(&model).unwrap() }
}

fn cluster() -> Cluster {
    read(&source(), &ReadOptions::default()).cluster.unwrap()
}

fn stages(criterion: &mut Criterion) {
    let cluster = cluster();
    let keys = KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy).unwrap();
    let payloads = machine_payloads(&cluster, &keys, Start::Init).unwrap();
    let scope = Scope {
        subscription_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        tenant_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        resource_group: "benchmark".to_owned(),
        location: cluster.location.clone(),
    };
    let graph = expand(&cluster, &scope, &payloads.payloads).unwrap();
    let api_version = cluster.cloud.api_profile().api_version("Microsoft.Resources/deployments").unwrap();
    let emission =
        Emission { cluster: &cluster.dns_prefix, deployments_api_version: api_version, outputs: outputs(&cluster) };

    let mut group = criterion.benchmark_group("generate, 3 + 100 machines");
    group.bench_function("1 read and validate", |bencher| {
        let source = source();
        bencher.iter(|| read(&source, &ReadOptions::default()));
    });
    group.bench_function("2 make keys", |bencher| {
        bencher.iter(|| KeyMaterial::generate(&Given::default(), &SystemClock, &SystemEntropy));
    });
    group.bench_function("3 bootstrap", |bencher| bencher.iter(|| machine_payloads(&cluster, &keys, Start::Init)));
    group.bench_function("4 expand", |bencher| bencher.iter(|| expand(&cluster, &scope, &payloads.payloads)));
    group.bench_function("5 emit", |bencher| bencher.iter(|| emit(&graph, &emission)));
    group.bench_function("all but keys and files", |bencher| {
        let folder = std::env::temp_dir().join("engine-benchmark-without-keys");
        let definition = Definition::new(cluster.clone(), None, &folder, &SystemClock, &SystemEntropy).unwrap();
        bencher.iter(|| generate(&definition, &Form::default()));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(4));
    targets = stages
}
criterion_main!(benches);
