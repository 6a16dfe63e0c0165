//! The Helm chart, rendered by Helm's own code as a Python package brings it along: there is no cluster here. What a
//! kubelet would start is started from the image.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use serde_json::{Value, json};

use crate::clients::python;
use crate::support::{Container, Server, free_port, http, project_dir, run, yaml_documents};

/// The objects that the chart makes of these values, in the namespace `prod` under the name `demo`.
#[track_caller]
fn objects(values: &Value) -> Vec<Value> {
    let chart = project_dir().join("config/helm/redstart");
    let done = run(python("helm_chart.py").arg(chart).arg(values.to_string())).success();
    let done: Value = serde_json::from_str(&done).expect("JSON");
    assert_eq!(done["findings"], json!([]));
    let manifests = done["manifests"].as_object().expect("manifests").iter();
    let manifests = manifests.filter(|(name, _)| name.ends_with(".yaml"));
    manifests.flat_map(|(_, text)| yaml_documents(text.as_str().expect("text"))).collect()
}

/// Finds the object of a kind whose name ends so.
fn find<'a>(objects: &'a [Value], kind: &str, end: &str) -> Option<&'a Value> {
    let named = |object: &Value| object["metadata"]["name"].as_str().is_some_and(|name| name.ends_with(end));
    objects.iter().find(|object| object["kind"] == kind && named(object))
}

fn pod(objects: &[Value]) -> &Value {
    &find(objects, "StatefulSet", "demo-redstart-master").expect("there is one")["spec"]["template"]["spec"]
}

/// A secret's value in clear.
fn decoded(text: &str) -> String {
    run(std::process::Command::new("sh").args(["-c", "echo \"$0\" | base64 -d", text])).success()
}

#[test]
fn the_defaults_make_a_server_with_a_password_and_a_volume() {
    let objects = objects(&json!({}));
    let kinds: Vec<_> = objects.iter().map(|object| object["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["ConfigMap", "Secret", "Service", "Service", "ServiceAccount", "StatefulSet"]);
    let secret = &find(&objects, "Secret", "demo-redstart").expect("there is one")["data"];
    assert_eq!(decoded(secret["redis-password"].as_str().expect("text")).len(), 32);
    let pod = pod(&objects);
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "docker.io/redstart:0.1.0");
    let security = &container["securityContext"];
    assert_eq!((&security["runAsUser"], &security["runAsGroup"]), (&json!(999), &json!(1000)));
    assert_eq!(security["readOnlyRootFilesystem"], true);
    let set = find(&objects, "StatefulSet", "master").expect("there is one");
    let claim = &set["spec"]["volumeClaimTemplates"][0]["spec"];
    assert_eq!(
        claim,
        &json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}})
    );
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        find(&objects, "Service", "master").expect("one")["spec"]["selector"]
    );
    // Every mount has its volume.
    let mut volumes: Vec<&Value> =
        pod["volumes"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    volumes.push(&set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"]);
    for mount in container["volumeMounts"].as_array().expect("a list") {
        assert!(volumes.contains(&&mount["name"]), "{mount}");
    }
}

#[test]
fn values_go_where_those_of_bitnamis_chart_go() {
    let resources = json!({"limits": {"memory": "1Gi"}});
    let objects = objects(&json!({
        "image": {"registry": "registry.example", "repository": "team/redstart", "tag": "1.2.3"},
        "auth": {"existingSecret": "theirs", "existingSecretPasswordKey": "key"},
        "master": {
            "persistence": {"size": "1Gi", "storageClass": "fast"},
            "resources": resources,
            "service": {"ports": {"redis": 6380}},
            "extraFlags": ["--maxmemory", "256mb"],
        },
        "metrics": {"enabled": true, "serviceMonitor": {"enabled": true, "additionalLabels": {"release": "prom"}}},
        "networkPolicy": {"enabled": true, "allowExternal": false},
    }));
    assert!(find(&objects, "Secret", "").is_none());
    let pod = pod(&objects);
    let secret =
        pod["volumes"].as_array().expect("a list").iter().find(|volume| volume["name"] == "password");
    let items = json!({"secretName": "theirs", "items": [{"key": "key", "path": "password"}]});
    assert_eq!(secret.expect("there is one")["secret"], items);
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "registry.example/team/redstart:1.2.3");
    assert_eq!(container["resources"], resources);
    assert!(container["args"].to_string().ends_with(r#""--maxmemory","256mb"]"#), "{}", container["args"]);
    let service = find(&objects, "Service", "-master").expect("there is one");
    assert_eq!(service["spec"]["ports"][0]["port"], 6380);
    let set = find(&objects, "StatefulSet", "master").expect("there is one");
    let claim = &set["spec"]["volumeClaimTemplates"][0]["spec"];
    assert_eq!(
        (&claim["storageClassName"], &claim["resources"]["requests"]["storage"]),
        (&json!("fast"), &json!("1Gi"))
    );
    // The monitor finds the service of the metrics, and by its port's name the port.
    let monitor = find(&objects, "ServiceMonitor", "demo-redstart").expect("there is one");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prom");
    let metrics = find(&objects, "Service", "-metrics").expect("there is one");
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().expect("labels") {
        assert_eq!(&metrics["metadata"]["labels"][label], value, "{label}");
    }
    assert_eq!(metrics["spec"]["ports"][0]["name"], monitor["spec"]["endpoints"][0]["port"]);
    let policy = find(&objects, "NetworkPolicy", "demo-redstart").expect("there is one");
    let from = &policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"];
    assert_eq!(from, &json!({"demo-redstart-client": "true"}));
}

/// Seed 004, "Redis is Out of Memory", step 4: the snippet as the values of `redis`, our chart's alias there.
#[test]
fn the_memory_of_seed_004() {
    let resources = json!({"limits": {"memory": "2Gi"}});
    let objects = objects(&json!({"resources": resources}));
    assert_eq!(pod(&objects)["containers"][0]["resources"], resources);
}

#[test]
fn without_password_and_volume() {
    let objects =
        objects(&json!({"auth": {"enabled": false}, "master": {"persistence": {"enabled": false}}}));
    assert!(find(&objects, "Secret", "").is_none());
    let pod = pod(&objects);
    assert!(!pod["containers"][0].to_string().contains("REDIS_PASSWORD"));
    assert!(
        pod["volumes"].to_string().contains(r#"{"emptyDir":{},"name":"redis-data"}"#),
        "{}",
        pod["volumes"]
    );
    let set = find(&objects, "StatefulSet", "master").expect("there is one");
    assert_eq!(set["spec"].get("volumeClaimTemplates"), None);
}

/// Writes a file that a volume of the pod holds; its group may read it, as `fsGroup` sees to.
fn volume(folder: &Path, name: &str, content: &str) {
    let file = folder.join(name);
    fs::write(&file, content).expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
    for path in [folder, &file] {
        chown(path, None, Some(1000)).expect("the tests run as root");
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o750)).expect("set");
}

#[test]
fn the_pod_starts_a_server_that_its_probes_find_well() {
    let objects = objects(&json!({
        "auth": {"password": "a+b/c="},
        "commonConfiguration": "maxmemory 100mb\nappendonly yes\nsave \"\"",
        "master": {
            "configuration": "maxmemory-policy allkeys-lru",
            "disableCommands": ["FLUSHALL", "FLUSHDB"],
        },
    }));
    let (configuration, secret) = (tempfile::tempdir().expect("made"), tempfile::tempdir().expect("made"));
    let lines = &find(&objects, "ConfigMap", "configuration").expect("there is one")["data"]["redis.conf"];
    volume(configuration.path(), "redis.conf", lines.as_str().expect("text"));
    let password =
        &find(&objects, "Secret", "demo-redstart").expect("there is one")["data"]["redis-password"];
    volume(secret.path(), "password", &decoded(password.as_str().expect("text")));
    let pod = &pod(&objects)["containers"][0];
    let mut container = Container::new();
    container.mount(configuration.path(), "/etc/redis");
    container.mount(secret.path(), "/run/secrets/redis");
    container.user("999:1000");
    for variable in pod["env"].as_array().expect("a list") {
        let text = |name: &str| variable[name].as_str().expect("text").to_owned();
        container.env(&text("name"), &text("value"));
    }
    let (port, metrics_port) = (free_port(), free_port());
    let arguments = pod["args"].as_array().expect("a list").iter().map(|one| one.as_str().expect("text"));
    let arguments: Vec<String> = arguments
        .map(|word| word.replace("6379", &port.to_string()).replace("9121", &metrics_port.to_string()))
        .collect();
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let server = Server::spawn(&mut container.start(&arguments), folder, port).expect("it starts");
    let mut client = server.client();
    assert!(client.call(&["PING"]).is_error("NOAUTH"));
    client.ok(&["AUTH", "a+b/c="]);
    for (name, value) in [
        ("maxmemory", "104857600"),
        ("maxmemory-policy", "allkeys-lru"),
        ("appendonly", "yes"),
        ("save", ""),
        ("dir", "/data"),
    ] {
        assert_eq!(client.config(name), value, "{name}");
    }
    assert!(client.call(&["FLUSHALL"]).is_error("ERR unknown command"));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let get = &pod[probe]["httpGet"];
        assert_eq!(get["port"], "metrics");
        let path = get["path"].as_str().expect("text");
        assert_eq!(http(metrics_port, &format!("GET {path}")).0, "200 OK", "{probe}");
    }
}
