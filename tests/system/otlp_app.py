"""An application instrumented with the official OpenTelemetry SDK, whose faults are switches."""
import threading

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

EXPORT_MS = 200


class Ids(RandomIdGenerator):
    """Trace ids of which every second one falls to the lower half, which the SDK's own ratio sampler takes at 50 %."""

    def __init__(self, application):
        self.application, self.made = application, 0

    def generate_trace_id(self):
        if not self.application.ids:
            return 0
        self.made += 1
        high = self.made << 64
        return high | self.made if self.made % 2 else high | (1 << 64) - self.made


class Switched(Sampler):
    def __init__(self, application):
        self.application, self.half = application, TraceIdRatioBased(0.5)

    def should_sample(self, *arguments, **named):
        return (self.half if self.application.sampled else ALWAYS_ON).should_sample(*arguments, **named)

    def get_description(self):
        return "switched"


class Exporter(OTLPMetricExporter):
    application = None

    def export(self, *arguments, **named):
        return super().export(*arguments, **named) if self.application.metrics else MetricExportResult.SUCCESS


class Application:
    def __init__(self, port, compression=Compression.NoCompression, temporality=None):
        self.metrics = self.traces = self.sampled = self.attributes = self.errors = self.ids = True
        resource = Resource.create({"service.name": "genesis-api"})
        base = f"http://127.0.0.1:{port}/v1/"
        exporter = Exporter(endpoint=base + "metrics", compression=compression, preferred_temporality=temporality, timeout=5)
        exporter.application = self
        self.meters = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(exporter, export_interval_millis=EXPORT_MS)])
        self.tracers = TracerProvider(resource=resource, sampler=Switched(self), id_generator=Ids(self))
        self.tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=base + "traces", compression=compression, timeout=5),
                                                           schedule_delay_millis=EXPORT_MS))
        self.duration = self.meters.get_meter("application").create_histogram("http.server.request.duration", unit="s")
        self.tracer = self.tracers.get_tracer("application")
        self.stopping, self.requests = threading.Event(), 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.01):
            self.request()

    def request(self):
        self.requests += 1
        self.duration.record(0.01, {"http.request.method": "GET" if self.requests % 3 else "POST"})
        if not self.traces:
            return
        attributes = {"http.request.method": "GET"} if self.attributes else {"other": 1}
        with self.tracer.start_as_current_span("GET /", kind=SpanKind.SERVER, attributes=attributes) as span:
            with self.tracer.start_as_current_span("inside"):
                pass
            if self.errors and self.requests % 10 < 2:
                span.set_status(StatusCode.ERROR)

    def close(self):
        self.stopping.set()
        self.thread.join(10)
        self.tracers.shutdown()
        self.meters.shutdown()
