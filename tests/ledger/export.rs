//! Rows as text: whole, resumable, and safe whatever callers called their models.

use flowgate::ledger::{Dimension, Flags, Money, Query, Row, Store, export, page};

use super::support::{DAY, Ledger, everything, noon, row, rows};

/// Reads CSV as a spreadsheet would.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    let mut letters = line.trim_end_matches('\n').chars().peekable();
    while let Some(letter) = letters.next() {
        let last = cells.last_mut().unwrap();
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => last.extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            letter => last.push(letter),
        }
    }
    assert!(!is_quoted, "{line}");
    cells
}

#[test]
fn hostile_names_stay_in_their_cells() {
    let names = [
        "=HYPERLINK(\"http://x\")",
        "+1",
        "-1,2",
        "@SUM(1)",
        "a\"b",
        "a,b",
        "two\nlines",
        "\tx",
        "名字",
        "\0\u{1b}[31m",
        "",
    ];
    for name in names {
        let row = Row { asked: name.into(), ..row(1) };
        let (titles, cells) = (cells(&export::row_csv_names()), cells(&export::row_csv(&row)));
        assert_eq!(titles.len(), cells.len(), "{name}");
        let asked = &cells[titles.iter().position(|title| title == "asked").unwrap()];
        assert_eq!(asked.strip_prefix('\'').unwrap_or(asked), name);
        assert!(!asked.starts_with(['=', '+', '-', '@', '\t']), "{asked}");
        let json: serde_json::Value = serde_json::from_str(&export::row_json(&row)).unwrap();
        assert_eq!(json["asked"], name);
        assert!(!export::row_json(&row).contains('\n'));
    }
}

#[test]
fn a_row_has_everything_in_json() {
    let row = Row { flags: Flags(5), first_ms: None, ..row(9) };
    insta::assert_snapshot!(export::row_json(&row), @r#"{"seq":9,"id":"req_00000000000000000000000000000009","at":"2026-11-22T04:00:00.009Z","key":"ann","team":"growth","tags":["prod","web"],"account":"main","asked":"fast","model":"Qwen/Qwen3-8B","right":"name","endpoint":"/chat/completions","status":200,"outcome":"complete","usage":"exact","input_tokens":100,"output_tokens":20,"cached_tokens":30,"reasoning_tokens":5,"images":1,"videos":2,"spoken_bytes":3,"audio_ms":7,"cost_cny":"0.000001500001","price":{"image":"0.10"},"queued_ms":3,"first_ms":null,"total_ms":500,"attempts":1,"edits":"usage-once","trace_id":"ti_1","flags":["clamped","drained"]}"#);
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    let ledger = Ledger::with(&rows((1..=25).map(|at| at * 3)));
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = page::page(&ledger.store, &everything(), after, 4).unwrap();
        seen.extend(page.rows.iter().map(|row| row.seq));
        assert!(page.rows.len() <= 4 && page.next >= after);
        after = page.next;
        if page.is_last {
            break;
        }
    }
    assert_eq!((seen, after), ((1..=25).map(|at| at * 3).collect(), 75));
    // What comes later is on the next page.
    ledger.store.file(&rows([80])).unwrap();
    let page = page::page(&ledger.store, &everything(), after, 4).unwrap();
    assert_eq!((page.rows[0].seq, page.next, page.is_last), (80, 80, true));
}

#[test]
fn pages_have_only_what_was_asked_for() {
    let filed: Vec<Row> = (1..=40u64)
        .map(|seq| Row {
            at_ms: noon(seq as i64 / 10 - 4) + seq,
            key: if seq % 2 == 0 { "bob" } else { "ann" }.into(),
            ..row(seq)
        })
        .collect();
    let ledger = Ledger::with(&filed);
    let seqs = |query: &Query| -> Vec<u64> {
        page::page(&ledger.store, query, 0, 100).unwrap().rows.iter().map(|row| row.seq).collect()
    };
    let bob = vec![(Dimension::Key, "bob".to_owned())];
    assert_eq!(
        seqs(&Query { from_day: DAY - 3, until_day: DAY - 3, only: bob, ..Query::default() }),
        [10, 12, 14, 16, 18]
    );
    assert_eq!(seqs(&Query { from_day: DAY + 1, until_day: DAY + 9, ..Query::default() }), Vec::<u64>::new());
    let web = vec![(Dimension::Tag, "web".to_owned()), (Dimension::Day, "2026-11-18".to_owned())];
    assert_eq!(seqs(&Query { only: web, ..everything() }), (1..=9).collect::<Vec<_>>());
}

#[test]
fn reports_are_the_same_in_every_form() {
    let ledger =
        Ledger::with(&[row(1), Row { key: "=bob".into(), cost: Some(Money::from_micros_cny(2_500_000)), ..row(2) }]);
    let query = Query { from_day: DAY, until_day: DAY, by: vec![Dimension::Key, Dimension::Day], only: Vec::new() };
    let report = flowgate::ledger::report(&ledger.store, query).unwrap();
    insta::assert_snapshot!(export::sums_csv(&report), @r#"
    key,day,requests,failed,input_tokens,output_tokens,cached_tokens,reasoning_tokens,images,cost_cny,unpriced,inexact
    "'=bob",2026-11-22,1,0,100,20,30,5,1,2.50,0,0
    ann,2026-11-22,1,0,100,20,30,5,1,0.000001500001,0,0
    "#);
    insta::assert_snapshot!(export::sums_json(&report), @r#"{"object":"usage","from":"2026-11-22","until":"2026-11-22","by":["key","day"],"data":[{"key":"=bob","day":"2026-11-22","requests":1,"failed":0,"input_tokens":100,"output_tokens":20,"cached_tokens":30,"reasoning_tokens":5,"images":1,"cost_cny":"2.50","unpriced":0,"inexact":0},{"key":"ann","day":"2026-11-22","requests":1,"failed":0,"input_tokens":100,"output_tokens":20,"cached_tokens":30,"reasoning_tokens":5,"images":1,"cost_cny":"0.000001500001","unpriced":0,"inexact":0}],"total":{"requests":2,"failed":0,"input_tokens":200,"output_tokens":40,"cached_tokens":60,"reasoning_tokens":10,"images":2,"cost_cny":"2.500001500001","unpriced":0,"inexact":0}}"#);
}
