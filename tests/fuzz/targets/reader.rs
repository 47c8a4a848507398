//! Any bytes as an API model, and a `--set` argument behind a zero byte: the reader never panics, points into the text
//! only, and reads what it writes to the same cluster.
#![no_main]

use engine::base::Source;
use engine::model::{ReadOptions, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, set) = text.split_once('\0').map_or((text, None), |(text, set)| (text, Some(set)));
    let source = Source { name: "fuzz".to_owned(), text: text.to_owned() };
    let options = ReadOptions { set: set.into_iter().map(str::to_owned).collect(), ..ReadOptions::default() };
    let reading = read(&source, &options);
    assert_eq!(reading.cluster.is_none(), reading.diagnostics.has_errors());
    for diagnostic in reading.diagnostics.iter() {
        if let Some(span) = diagnostic.span {
            assert!(span.start <= span.end && span.end <= text.len(), "{diagnostic:?}");
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end), "{diagnostic:?}");
        }
    }
    if let Some(cluster) = reading.cluster {
        let written = Source { name: "written".to_owned(), text: cluster.to_api_model().to_string() };
        let again = read(&written, &ReadOptions::default());
        assert_eq!(again.cluster, Some(cluster), "{:?}", again.diagnostics);
    }
});
