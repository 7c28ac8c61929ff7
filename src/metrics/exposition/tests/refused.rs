//! Shows texts to the parser that it must refuse.

use super::Parsed;

#[test]
fn the_parser_refuses_what_the_formats_do_not_allow() {
    let refused = |text: &str| Parsed::text(text).unwrap_err();
    for text in [
        "a 1\n",
        "# TYPE a gauge\na 1",
        "# TYPE a gauge\na 1\na 1\n",
        "# TYPE a gauge\na{b=\"c\"} 1\na{b=\"c\"} 2\n",
        "# TYPE a gauge\na{b=\"c\",b=\"d\"} 1\n",
        "# TYPE a gauge\na{b=\"\\c\"} 1\n",
        "# TYPE a gauge\na{b=\"c} 1\n",
        "# TYPE a gauge\na{1b=\"c\"} 1\n",
        "# TYPE a gauge\na  1\n",
        "# TYPE a gauge\na 1 \n",
        "# TYPE a gauge\na inf\n",
        "# TYPE a gauge\nb 1\n",
        "# TYPE a gauge\n# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# HELP a b\n",
        "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na{c=\"d\"} 1\n",
        "# TYPE a gauge\n# HELP a b\\c\na 1\n",
        "# TYPE a odd\n",
        "# HELP a b\n",
        "# a comment\n",
        "# TYPE 1a gauge\n",
        "# TYPE a counter\na -1\n",
        "# TYPE a counter\na NaN\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 2\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 2\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"2\"} 1\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\n",
        "# TYPE a histogram\na_bucket 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1 # {b=\"c\"} 1 1\na_sum 1\na_count 1\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n# TYPE a_sum gauge\n",
    ] {
        refused(text);
    }
    let refused = |text: &str| Parsed::openmetrics(text).unwrap_err();
    let exemplar = |length| {
        let value = "c".repeat(length);
        format!("# TYPE a counter\na_total 1 # {{b=\"{value}\"}} 1 1\n# EOF\n")
    };
    Parsed::openmetrics(&exemplar(127)).unwrap();
    for text in [
        "",
        "# TYPE a gauge\na 1\n",
        "# TYPE a gauge\na 1\n# EOF",
        "# EOF\n# TYPE a gauge\na 1\n# EOF\n",
        "\n# EOF\n",
        "# TYPE a counter\na 1\n# EOF\n",
        "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
        "# TYPE a gauge\n# HELP a \"b\"\na 1\n# EOF\n",
        "# TYPE a gauge\na 1 # {b=\"c\"} 1 1\n# EOF\n",
        "# TYPE a gauge\na 1\n# TYPE a_total counter\na_total_total 1\n# TYPE a counter\n# EOF\n",
        "# TYPE a gauge\na 1\n# TYPE a_created gauge\n# TYPE a counter\n# EOF\n",
        "# TYPE a counter\na_total 1\n# TYPE a_created gauge\na_created 1\n# EOF\n",
        "# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"+Inf\"} 1\n# EOF\n",
        "# TYPE a histogram\na_bucket{le=\"1.0\"} 1 # {b=\"c\"} 2 1\na_bucket{le=\"+Inf\"} 1\n# EOF\n",
        "# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum -1\na_count 1\n# EOF\n",
        "# TYPE a histogram\na_bucket{le=\"-1.0\"} 1\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count 1\n# EOF\n",
        &exemplar(128),
    ] {
        refused(text);
    }
}
