#!/usr/bin/env bash
# CPU time for each request: our load generator against wrk (both loading nginx), and our mock against nginx (both
# loaded by wrk). Server on CPU 0, client on CPU 1, in turns, so that what else the host does hits both alike.
#
# usage: benches/compare-load.sh [ROUNDS [SECONDS]]     needs wrk, nginx, taskset; VSCALE= names the binary
set -euo pipefail

rounds=${1:-7} seconds=${2:-2}
vscale=$(realpath "${VSCALE:-target/release/vscale}")
nginx_port=18190 mock_port=18191 path=/v1/chat/completions
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$dir"' EXIT

completion='{"id":"chatcmpl-mock123","object":"chat.completion","created":1700000000,"model":"openai/mock-chat-model","choices":[{"index":0,"message":{"role":"assistant","content":"This is a mock response from the benchmark server."},"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}}'
cat > "$dir/nginx.conf" <<EOF
daemon off; master_process off; pid $dir/pid; error_log $dir/errors;
events { worker_connections 2048; }
http {
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path $dir/1; proxy_temp_path $dir/2; fastcgi_temp_path $dir/3; uwsgi_temp_path $dir/4; scgi_temp_path $dir/5;
  server { listen 127.0.0.1:$nginx_port; location / { return 200 '$completion'; } }
}
EOF
cat > "$dir/post.lua" <<'EOF'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model": "openai/mock-chat-model", "messages": [{"role": "user", "content": "Hello, how are you?"}], "max_tokens": 50}'
EOF

taskset -c 0 nginx -c "$dir/nginx.conf" 2> /dev/null & pids+=($!); nginx_pid=$!
taskset -c 0 "$vscale" mock --port $mock_port > /dev/null & pids+=($!); mock_pid=$!
for port in $nginx_port $mock_port; do
  for _ in $(seq 100); do (exec 3<> /dev/tcp/127.0.0.1/$port) 2> /dev/null && break; sleep 0.1; done
done

# Both clients print how many requests they made; the caller times them.
run_wrk() { taskset -c 1 wrk -t1 -c"$2" -d"$seconds" -s "$dir/post.lua" "http://127.0.0.1:$1$path" | awk '/requests in/ { print $1 }'; }
run_ours() {
  taskset -c 1 "$vscale" load --host "http://127.0.0.1:$1" --users "$2" --spawn-rate "$2" --warm-up 0 --run-time "$seconds" --json |
    sed -n '$s/.*"requests":\[{"method":"[^"]*","name":"[^"]*","requests":\([0-9]*\).*/\1/p'
}

# CLIENT PORT CONNECTIONS -> the client's CPU time for each request, us
client_us() {
  local TIMEFORMAT='%U %S'
  { time "run_$1" "$2" "$3" > "$dir/count" 2> "$dir/said"; } 2> "$dir/time"
  awk -v count="$(cat "$dir/count")" '{ printf "%.3f\n", ($1 + $2) * 1e6 / count }' "$dir/time"
}

# PID PORT CONNECTIONS -> the server's CPU time for each request, us
server_us() {
  local before count
  before=$(cut -d' ' -f1 "/proc/$1/schedstat")
  count=$(run_wrk "$2" "$3")
  awk -v before="$before" -v count="$count" '{ printf "%.3f\n", ($1 - before) / 1e3 / count }' "/proc/$1/schedstat"
}

# TITLE, then on stdin a line a round: THEIRS OURS. The ratio is the median of the rounds' ratios.
summary() {
  awk -v title="$1" '
    function median(list, n,    i, j, t) {
      for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j] < list[j-1]; j--) { t = list[j]; list[j] = list[j-1]; list[j-1] = t }
      return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
    }
    { theirs[NR] = $1; ours[NR] = $2; ratio[NR] = $2 / $1 }
    END { printf "%-44s %6.2f us  %6.2f us  ratio %.3f", title, median(theirs, NR), median(ours, NR), median(ratio, NR)
          printf "  (%.3f to %.3f)\n", ratio[1], ratio[NR] }'
}

echo "CPU time for each request, medians of $rounds rounds of $seconds s:      theirs       ours"
for connections in 8 64; do
  for _ in $(seq "$rounds"); do
    echo "$(client_us wrk $nginx_port $connections) $(client_us ours $nginx_port $connections)"
  done | summary "client: wrk, vscale load; $connections connections"
  for _ in $(seq "$rounds"); do
    echo "$(server_us "$nginx_pid" $nginx_port $connections) $(server_us "$mock_pid" $mock_port $connections)"
  done | summary "server: nginx, vscale mock; $connections connections"
done
