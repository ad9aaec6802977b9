#!/usr/bin/env python3
"""Makes the requests beside this file with the official opentelemetry-proto, in both encodings, and the seeds of tests/fuzz/corpus/otlp.
What stands in them is checked by tests/unit/otlp/test_readers.c. Usage: tests/.venv/bin/python tests/golden/otlp/make.py"""
import base64
import json
import pathlib

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

HERE = pathlib.Path(__file__).parent
CORPUS = HERE.parents[1] / "fuzz" / "corpus" / "otlp"


def attributes(**values):
    made = []
    for key, value in values.items():
        if isinstance(value, list):
            any_value = AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=one) for one in value]))
        else:
            any_value = AnyValue(**{{str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}[type(value)]: value})
        made.append(KeyValue(key=key.replace("__", "."), value=any_value))
    return made


def span(where, name, trace, own, parent=b"", kind=1, status=0, **more):
    made = where.spans.add(name=name, trace_id=trace, span_id=own, parent_span_id=parent, kind=kind, start_time_unix_nano=1795420000000000000,
                           end_time_unix_nano=1795420000010000000, attributes=attributes(**more))
    made.status.code = status
    made.events.add(name="an event", time_unix_nano=1795420000005000000, attributes=attributes(service__name="not the span's"))
    made.links.add(trace_id=bytes(16), span_id=bytes(8))


def traces():
    request = ExportTraceServiceRequest()
    api = request.resource_spans.add(schema_url="https://opentelemetry.io/schemas/1.30.0")
    api.resource.attributes.extend(attributes(service__name="api", tags=["a", "b"], weight=0.5, count=7, on=True))
    scope = api.scope_spans.add()
    scope.scope.name = "a scope"
    trace = bytes(range(1, 17))
    span(scope, "GET /", trace, b"\1" * 8, kind=2, status=1, http__request__method="GET")
    span(scope, "old names", trace, b"\2" * 8, b"\1" * 8, kind=2, status=2, http__method="GET")
    span(scope, "no method", trace, b"\3" * 8, b"\1" * 8, kind=5)
    span(scope, "inside", trace, b"\4" * 8, b"\1" * 8, kind=1)
    span(scope, "no trace id", b"", b"\5" * 8)
    span(scope, "zeros", bytes(16), b"\6" * 8, bytes(8))
    span(scope, "short", b"\1" * 15, b"\7" * 8, b"\1" * 8)
    span(scope, "no span id", trace, bytes(8), b"\1" * 8)
    other = request.resource_spans.add()  # without service.name
    span(other.scope_spans.add(), "POST /", trace, b"\x08" * 8, kind=2, http__request__method="POST")
    return request


def metrics():
    request = ExportMetricsServiceRequest()
    api = request.resource_metrics.add()
    api.resource.attributes.extend(attributes(service__name="api"))
    scope = api.scope_metrics.add()
    scope.scope.name, scope.scope.version = "a scope", "1"
    wanted = scope.metrics.add(name="http.server.request.duration", unit="s")
    wanted.histogram.aggregation_temporality = 2
    for method, count in (("GET", 30), ("POST", 12)):
        wanted.histogram.data_points.add(start_time_unix_nano=1795420000000000000, time_unix_nano=1795420060000000000, count=count, sum=1.5,
                                         bucket_counts=[count, 0], explicit_bounds=[1.0], attributes=attributes(http__request__method=method))
    wanted.histogram.data_points.add(start_time_unix_nano=1, time_unix_nano=2, flags=1)  # no recorded value
    gauge = scope.metrics.add(name="a.gauge")
    gauge.gauge.data_points.add(time_unix_nano=5, as_double=2.5)
    requests = scope.metrics.add(name="genesis.requests")
    requests.sum.aggregation_temporality, requests.sum.is_monotonic = 1, True
    requests.sum.data_points.add(start_time_unix_nano=1795420000000000000, time_unix_nano=1795420060000000000, as_int=5)
    requests.sum.data_points.add(start_time_unix_nano=1795420000000000000, time_unix_nano=1795420060000000000, as_double=2.5,
                                 attributes=attributes(route="/"))
    in_flight = scope.metrics.add(name="http.server.active_requests")
    in_flight.sum.aggregation_temporality = 2
    in_flight.sum.data_points.add(as_int=-3, time_unix_nano=1795420060000000000)
    fine = scope.metrics.add(name="an.exponential")
    fine.exponential_histogram.aggregation_temporality = 2
    fine.exponential_histogram.data_points.add(count=9, scale=3, time_unix_nano=9, zero_count=9)
    summary = scope.metrics.add(name="a.summary")
    summary.summary.data_points.add(count=4, sum=2, time_unix_nano=9).quantile_values.add(quantile=0.5, value=1)
    return request


def in_json(request):
    """OTLP's JSON is ProtoJSON but for ids, which are hexadecimal, and enumerations, which are numbers."""
    document = json.loads(json_format.MessageToJson(request, use_integers_for_enums=True))

    def mend(value):
        if isinstance(value, dict):
            return {key: base64.b64decode(one).hex() if key in ("traceId", "spanId", "parentSpanId") else mend(one) for key, one in value.items()}
        return [mend(one) for one in value] if isinstance(value, list) else value
    return json.dumps(mend(document), indent=1).encode() + b"\n"


def backwards(value):
    """The same with all members in reverse order: what a name is needed for comes before it."""
    if isinstance(value, dict):
        return {key: backwards(one) for key, one in reversed(value.items())}
    return [backwards(one) for one in value] if isinstance(value, list) else value


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, request, number in (("traces", traces(), 0), ("metrics", metrics(), 1)):
        text = in_json(request)
        reverse = json.dumps(backwards(json.loads(text)), indent=1).encode() + b"\n"
        for ending, body, encoding in (("pb", request.SerializeToString(deterministic=True), 0), ("json", text, 2), ("reverse.json", reverse, 2)):
            (HERE / f"{name}.{ending}").write_bytes(body)
            (CORPUS / f"{name}.{ending}").write_bytes(bytes([number | encoding]) + body)


if __name__ == "__main__":
    main()
