"""Lints a Helm chart and renders it by Helm's own code: helm_chart.py CHART VALUES-AS-JSON.

Prints what lint says and the manifests by their templates' names, as JSON.
"""

import json
import sys

from helm_python import Chart
from helm_python.chart import lint

path, values = sys.argv[1], json.loads(sys.argv[2])
findings = [message for message in lint(path, values, strict=True)["messages"] if message["severity"] > 1]
with Chart.load(path) as chart:
    manifests = chart.render(values, name="demo", namespace="prod")
print(json.dumps({"findings": findings, "manifests": manifests}))
