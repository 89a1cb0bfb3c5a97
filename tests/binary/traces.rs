//! Traces of a real process: what the environment says, the end of the program, a collector that comes and goes.

use super::gateway::{config, emulator};
use super::program::{Home, finished, flowgate};

const REFUSED: &str = "cargo build --release --features otlp";

/// What a program that has no traces says to somebody who wants them.
#[cfg(not(feature = "otlp"))]
#[tokio::test]
async fn traces_that_are_not_built_in_are_refused_with_the_way_to_get_them() {
    let (home, emulator) = (Home::new(), emulator().await);
    home.write("flowgate.toml", &config(&home, &emulator, "[traces]\nendpoint = \"http://127.0.0.1:4318\""));
    let end = finished(flowgate(&home, &["check", "--config", "flowgate.toml"])).await;
    assert!(end.code == Some(1) && end.text().contains("traces.endpoint") && end.text().contains(REFUSED), "{end:?}");
    // Variables are for whoever can do something with them.
    home.write("flowgate.toml", &config(&home, &emulator, ""));
    let mut command = flowgate(&home, &["check", "--config", "flowgate.toml"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    assert_eq!(finished(command).await.code, Some(0));
}

#[cfg(feature = "otlp")]
mod built_in {
    use tokio::net::TcpListener;

    use super::super::gateway::{ANYWHERE, Gateway, PLAIN};
    use super::super::program::until;
    use super::*;
    use crate::data_path::traces::collector::Collector;

    /// A gateway with these variables of OpenTelemetry.
    async fn with(variables: &[(&str, &str)], more: &str) -> (Home, flowgate::mock::MockServer, Gateway) {
        let (home, emulator) = (Home::new(), emulator().await);
        home.write("flowgate.toml", &config(&home, &emulator, more));
        let mut command = flowgate(&home, &[&["serve", "--config", "flowgate.toml"], &ANYWHERE[..]].concat());
        command.envs(variables.iter().copied());
        let gateway = Gateway::from(command).await;
        (home, emulator, gateway)
    }

    #[tokio::test]
    async fn the_last_traces_are_sent_before_the_program_ends() {
        let collector = Collector::start().await;
        let (_home, _emulator, gateway) = with(&[], &collector.config("")).await;
        assert_eq!(gateway.chat(PLAIN, "Hello").send().await.unwrap().status(), 200);
        gateway.stop().await;
        assert_eq!(collector.spans().len(), 2, "they do not wait for more");
    }

    #[tokio::test]
    async fn a_collector_that_does_not_answer_does_not_hold_up_the_end() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = format!("[traces]\nendpoint = \"http://{}\"\n", silent.local_addr().unwrap());
        let (_home, _emulator, mut gateway) = with(&[], &config).await;
        assert_eq!(gateway.chat(PLAIN, "Hello").send().await.unwrap().status(), 200);
        gateway.program.signal("TERM");
        assert_eq!(gateway.program.end().await.0, Some(0));
        gateway.program.complains("did not take the last traces in time").await;
    }

    #[tokio::test]
    async fn traces_follow_opentelemetrys_variables() {
        let collector = Collector::start().await;
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20canary,x-scope=a%2Cb".to_owned()),
            ("OTEL_SERVICE_NAME", "edge".to_owned()),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test".to_owned()),
            ("OTEL_TRACES_SAMPLER", "parentbased_always_on".to_owned()),
        ];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (_home, _emulator, gateway) = with(&variables, "").await;
        gateway.chat(PLAIN, "Hello").send().await.unwrap();
        collector.only().await;
        let taken = &collector.taken()[0];
        assert_eq!(
            (&taken.headers["authorization"], &taken.headers["x-scope"]),
            (&"Bearer canary".parse().unwrap(), &"a,b".parse().unwrap())
        );
        let resource = collector.resource();
        assert_eq!(
            (resource["service.name"].as_str(), resource["deployment.environment.name"].as_str()),
            ("edge", "test")
        );
        assert!(!gateway.program.stderr().contains("canary"));
    }

    #[tokio::test]
    async fn variables_of_traces_that_nobody_can_follow_are_refused() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        for (variables, word) in [
            ([endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "http/protobuf"),
            ([endpoint, ("OTEL_TRACES_SAMPLER", "jaeger_remote")], "OTEL_TRACES_SAMPLER"),
            ([endpoint, ("OTEL_EXPORTER_OTLP_HEADERS", "Bearer canary")], "OTEL_EXPORTER_OTLP_HEADERS"),
            ([("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"), ("A", "b")], "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ] {
            let (home, emulator) = (Home::new(), emulator().await);
            home.write("flowgate.toml", &config(&home, &emulator, ""));
            let mut command = flowgate(&home, &["check", "--config", "flowgate.toml"]);
            let end = finished({
                command.envs(variables);
                command
            })
            .await;
            assert!(end.code == Some(1) && end.text().contains(word), "{word}: {end:?}");
            assert!(!end.text().contains("canary") && !end.text().contains(REFUSED), "{end:?}");
        }
    }

    #[tokio::test]
    async fn traces_come_again_when_the_collector_does_and_the_log_says_both_once() {
        let collector = Collector::start().await;
        collector.is_down(true);
        let (_home, _emulator, gateway) = with(&[], &collector.config("")).await;
        let failed = || gateway.metric("flowgate_trace_spans_total{result=\"failed\"}");
        for round in 1..=2 {
            gateway.chat(PLAIN, "Hello").send().await.unwrap();
            until("the spans are lost", async || (failed().await >= f64::from(2 * round)).then_some(())).await;
        }
        let log = gateway.program.stderr();
        assert_eq!(log.matches("traces cannot be sent").count(), 1, "{log}");
        collector.is_down(false);
        gateway.chat(PLAIN, "Hello").send().await.unwrap();
        collector.only().await;
        gateway.program.complains("traces are sent again").await;
    }
}
