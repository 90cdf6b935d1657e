-- ARGV: node, history point JSON without its time, then field, value pairs. A sample makes its node active.
local node = ARGV[1]
local key = 'worker:' .. node
redis.call('HSET', key, 'last_heartbeat', stamp, unpack(ARGV, 3))
redis.call('HSETNX', key, 'mode', 'active')
redis.call('HSETNX', key, 'tasks_processed', 0)
redis.call('SADD', 'workers:known', node)
touch(node)
-- A monitor goes on sampling beside a dead image worker: that must not bring the node back every second.
local silent = redis.call('HGET', key, 'kind') == 'celery' and redis.call('EXISTS', key .. ':alive') == 0
local mode = redis.call('HGET', key, 'mode')
if not silent and mode ~= 'stopped' and redis.call('SADD', 'workers:active', node) == 1 then
  emit('type', 'node', 'node', node, 'state', mode == 'active' and 'live' or mode, 'detail', '')
end
if ARGV[2] ~= '' then
  redis.call('LPUSH', key .. ':history', '[' .. stamp .. ',' .. ARGV[2] .. ']')
  redis.call('LTRIM', key .. ':history', 0, 599)
end
return stamp
