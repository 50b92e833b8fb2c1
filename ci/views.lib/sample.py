"""A made-up house, mostly healthy, for tests and pictures: every metric that the views read, in OpenMetrics."""

import math
import time

MINUTE, DAY = 60, 86_400
MIB = 1024**2
PARTS = {
    "web-1": 34, "web-2": 33, "notifier-1": 29, "notifier-2": 28, "nginx": 21, "postgres": 182, "redis": 9, "backup": 24, "prometheus": 118,
    "alertmanager": 31, "containers": 17, "node-exporter": 16, "postgres-exporter": 18, "redis-exporter": 14, "nginx-exporter": 12,
    "blackbox-exporter": 16, "catcher": 41, "viewer": 19, "certbot": 12,
}
LIMITS = {"postgres": 768, "nginx": 512, "prometheus": 256, "redis": 128, "notifier-1": 192, "notifier-2": 192, "web-1": 192, "web-2": 192}
ROUTES = {("GET", "/{event}/"): 0.9, ("GET", "/{event}/register"): 0.6, ("POST", "/{event}/register"): 0.08, ("GET", "/static/{file}"): 1.6,
          ("GET", "/{event}/registered/{token}"): 0.09, ("POST", "/{event}/upload"): 0.03, ("GET", "unmatched"): 0.05}
EVENTS = {"connect": 0.06, "research-week": 0.02, "_check": 0.1}
OUTCOMES = {"confirmed": 0.02, "pending": 0.004, "waiting": 0.001, "repeated": 0.001, "full": 0.0, "invalid": 0.006, "refused": 0.001, "unavailable": 0.0}
VIEWS = {"event": 0.11, "form": 0.06, "submitted": 0.024}
JOBS = {"web": ["web-1", "web-2"], "notifier": ["notifier-1", "notifier-2"]} | {
    job: [job] for job in ("nginx", "postgres", "redis", "node", "form", "relay", "containers", "blackbox", "prometheus", "alertmanager")}
BOUNDS = {"karibu_http_request_duration_seconds": [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
          "karibu_notification_delivery_seconds": [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0]}


def flow(per_second, shift=0.0):
    """A counter whose rate has a day and a night and some weather."""
    def at(now):
        day, quarter = 2 * math.pi / DAY, 2 * math.pi / 1700
        swing = now + 0.7 / day * math.sin(day * now + 3 + shift) + 0.25 / quarter * math.sin(quarter * now + 9 * shift)
        return math.floor(per_second * (swing % 1e7))
    return at


def wave(middle, swing, period, shift=0.0):
    return lambda now: middle + swing * math.sin(2 * math.pi * now / period + shift)


def steady(value):
    return lambda now: value


def histogram(name, labels, per_second, typical, shift):
    for bound in [*BOUNDS[name], math.inf]:
        share = 1.0 if bound == math.inf else 1 / (1 + (typical / bound) ** 2.4)
        yield f"{name}_bucket", labels | {"le": "+Inf" if bound == math.inf else repr(bound)}, flow(per_second * share, shift)


def karibu(job, instance, shift):
    here = {"job": job, "instance": instance}
    yield "karibu_build_info", here | {"version": "0.4.0", "commit": "82e914b"}, steady(1)
    yield "process_resident_memory_bytes", here, wave(31 * MIB, 2 * MIB, 5400, shift)
    yield "process_cpu_seconds_total", here, lambda now: 0.012 * (now % 1e7)
    yield "process_start_time_seconds", here, lambda now: now - 3 * DAY - 700
    yield "process_open_fds", here, wave(38, 6, 900, shift)
    for name, value in {"karibu_mails_parked": 0, "karibu_registrations_without_notification": 0, "karibu_attachment_bytes": 412 * MIB,
                        "karibu_upload_waiting_bytes": 38 * MIB, "karibu_upload_waiting_limit_bytes": 5120 * MIB}.items():
        yield name, here, steady(value)
    yield "karibu_notifications_pending", here, lambda now: max(0, round(wave(1, 3, 1300)(now)))
    yield "karibu_notification_oldest_pending_seconds", here, lambda now: max(0, wave(2, 9, 1300)(now))
    for event in EVENTS:
        yield "karibu_event_open", here | {"event": event}, steady(1)
    for outcome, rate in {"sent": 0.0036, "retried": 0.0003, "relay_fault": 0.0001, "parked": 0}.items():
        yield "karibu_mail_attempts_total", here | {"outcome": outcome}, flow(rate if job == "notifier" else 0, shift)


def web(instance, shift):
    here = {"job": "web", "instance": instance}
    for event, share in EVENTS.items():
        for outcome, rate in OUTCOMES.items():
            yield "karibu_registrations_total", here | {"event": event, "outcome": outcome}, flow(rate * share, shift)
        for page, rate in VIEWS.items():
            yield "karibu_page_views_total", here | {"event": event, "page": page}, flow(rate * share, shift)
    for (method, route), rate in ROUTES.items():
        labels = here | {"method": method, "route": route}
        for status, share in {"404": 1.0} .items() if route == "unmatched" else {"200": 0.97, "503": 0.001}.items():
            yield "karibu_http_requests_total", labels | {"status": status}, flow(rate * share, shift)
        slow = 0.06 if method == "POST" else 0.004
        yield from histogram("karibu_http_request_duration_seconds", labels, rate, slow, shift)


def notifier(instance, shift):
    here = {"job": "notifier", "instance": instance}
    yield from histogram("karibu_notification_delivery_seconds", here, 0.02, 0.4, shift)
    yield "karibu_notifier_heartbeat_timestamp_seconds", here, lambda now: now - 2
    yield "karibu_watchdog_last_ping_timestamp_seconds", here, lambda now: now - 7
    yield "karibu_alert_second_relay", here, steady(0)
    yield "karibu_host_watched", here, steady(1)
    yield "karibu_backup_last_success_timestamp_seconds", here, lambda now: now - now % 60 - 20
    yield "karibu_restore_test_last_success_timestamp_seconds", here, lambda now: now - 12 * DAY


def containers(began):
    for at, (part, memory) in enumerate(PARTS.items()):
        here = {"job": "containers", "instance": "containers", "part": part}
        yield "container_running", here, steady(1)
        yield "container_healthy", here, steady(1)
        yield "container_start_time_seconds", here, steady(began - 3 * DAY + 7 * at if part != "viewer" else began - 4000)
        yield "container_restarts_total", here, lambda now, part=part: int(part == "viewer" and now > began - 4000)
        yield "container_cpu_seconds_total", here, lambda now, memory=memory: memory * 2e-4 * (now % 1e7)
        yield "container_memory_bytes", here, wave(memory * MIB, memory * 0.05 * MIB, 7000, at)
        yield "container_memory_limit_bytes", here, steady(LIMITS.get(part, 64 if memory < 40 else 192) * MIB)
        yield "container_oom_kills_total", here, steady(0)
        yield "container_log_lines_total", here | {"level": "error"}, flow(0.0003 if part == "viewer" else 0, at)
        yield "container_log_lines_total", here | {"level": "warning"}, flow(0.0004, at)
    yield "container_collector_last_success_timestamp_seconds", {"job": "containers", "instance": "containers"}, lambda now: now - 4


def stores(began):
    here = {"job": "postgres", "instance": "postgres"}
    karibu_here = here | {"datname": "karibu"}
    for name, labels, value in [("pg_up", here, 1), ("pg_static", here | {"short_version": "17.6.0", "version": "PostgreSQL 17.6"}, 1),
                                ("pg_settings_max_connections", here, 60), ("pg_stat_database_deadlocks", karibu_here, 0),
                                ("pg_replication_slot_slot_is_active", here | {"slot_name": "backup"}, 1)]:
        yield name, labels, steady(value)
    for state, number in {"active": 2, "idle": 14, "idle in transaction": 0}.items():
        yield "pg_stat_activity_count", karibu_here | {"state": state}, wave(number, number * 0.3, 2000)
    yield "pg_stat_database_xact_commit", karibu_here, flow(6)
    yield "pg_stat_database_xact_rollback", karibu_here, flow(0.01)
    yield "pg_database_size_bytes", karibu_here, lambda now: 620 * MIB + 90 * (now - began + DAY)
    yield "pg_replication_slots_pg_wal_lsn_diff", here | {"slot_name": "backup"}, wave(3 * MIB, 2 * MIB, 3000)
    here = {"job": "redis", "instance": "redis"}
    yield "redis_instance_info", here | {"redis_version": "8.0.2"}, steady(1)
    yield "redis_uptime_in_seconds", here, lambda now: now - began + 3 * DAY
    for name, value in {"redis_up": 1, "redis_memory_max_bytes": 96 * MIB, "redis_evicted_keys_total": 0, "redis_connected_clients": 6}.items():
        yield name, here, steady(value)
    yield "redis_memory_used_bytes", here, wave(3.1 * MIB, 0.8 * MIB, 6000)
    yield "redis_commands_processed_total", here, flow(11)


def host(began):
    here = {"job": "node", "instance": "node"}
    disk = {"fstype": "ext4", "mountpoint": "/", "device": "/dev/vda1"}
    yield "node_filesystem_size_bytes", here | disk, steady(40 * 1024 * MIB)
    yield "node_filesystem_avail_bytes", here | disk, lambda now: 22 * 1024 * MIB - 3000 * (now - began + DAY)
    yield "node_memory_MemTotal_bytes", here, steady(3900 * MIB)
    yield "node_memory_MemAvailable_bytes", here, wave(2300 * MIB, 120 * MIB, 9000)
    for cpu in "01":
        yield "node_cpu_seconds_total", here | {"mode": "idle", "cpu": cpu}, lambda now: 0.87 * (now % 1e7) + 40 * math.sin(now / 900)
    yield "node_load1", here, wave(0.4, 0.25, 2500)
    for name, value in {"node_vmstat_oom_kill": 0, "node_timex_sync_status": 1, "node_boot_time_seconds": began - 41 * DAY}.items():
        yield name, here, steady(value)
    yield "node_timex_offset_seconds", here, wave(0, 0.0004, 4000)
    here = {"job": "nginx", "instance": "nginx"}
    yield "nginx_up", here, steady(1)
    yield "nginx_connections_active", here, wave(22, 14, 2100)
    yield "nginx_http_requests_total", here, flow(7)


def watchers(began):
    for job, instances in JOBS.items():
        for instance in instances:
            here = {"job": job, "instance": instance}
            yield "up", here, lambda now, instance=instance: int(not (instance == "web-2" and 0 <= now - began + 2400 < 240))
            yield "scrape_duration_seconds", here, wave(0.02, 0.008, 700, len(instance))
            yield "scrape_samples_scraped", here, steady(40 * len(instance))
    for job in ("form", "relay"):
        yield "probe_success", {"job": job, "instance": job}, steady(1)
        yield "probe_duration_seconds", {"job": job, "instance": job}, wave(0.041, 0.02, 800)
    form = {"job": "form", "instance": "form"}
    yield "probe_http_status_code", form, steady(200)
    yield "probe_ssl_earliest_cert_expiry", form, steady(began + 61 * DAY)
    here = {"job": "prometheus", "instance": "prometheus"}
    yield "prometheus_build_info", here | {"version": "2.53.3+ds1"}, steady(1)
    for name, value in {"prometheus_config_last_reload_successful": 1, "prometheus_rule_evaluation_failures_total": 0, "prometheus_tsdb_head_series": 4812}.items():
        yield name, here, steady(value)
    here = {"job": "alertmanager", "instance": "alertmanager"}
    yield "alertmanager_build_info", here | {"version": "0.28.1+ds"}, steady(1)
    yield "alertmanager_config_last_reload_successful", here, steady(1)
    yield "alertmanager_silences", here | {"state": "active"}, steady(0)
    yield "alertmanager_notifications_total", here | {"integration": "email"}, lambda now: int(now > began - 3000)
    yield "alertmanager_notifications_failed_total", here | {"integration": "email"}, steady(0)
    yield "ALERTS", {"alertname": "Watchdog", "alertstate": "firing", "severity": "none", "service": "prometheus"}, steady(1)
    restarting = {"alertname": "ContainerRestarting", "severity": "warning", "service": "containers", "part": "viewer"}
    yield "ALERTS", restarting | {"alertstate": "firing"}, lambda now: 1 if now > began - 3900 else None
    yield "ALERTS_FOR_STATE", restarting, lambda now: began - 3900 if now > began - 3900 else None


def house(began):
    for job in ("web", "notifier"):
        for shift, instance in enumerate(JOBS[job]):
            yield from karibu(job, instance, shift * 0.2)
            yield from web(instance, shift * 0.2) if job == "web" else notifier(instance, shift * 0.2)
    for part in (containers, stores, host, watchers):
        yield from part(began)


def write(hours, out):
    began = int(time.time())
    series = [(name + "{" + ",".join(f'{label}="{text}"' for label, text in labels.items()) + "}", value) for name, labels, value in house(began)]
    # Some minutes beyond now, so that there is time to look.
    times = [*range(began - int(hours * 3600), began, MINUTE), *range(began, began + 20 * MINUTE, 10)]
    for now in times:
        for name, value in series:
            sample = value(now)
            if sample is not None:
                out.write(f"{name} {sample:.10g} {now}\n")
    out.write("# EOF\n")
