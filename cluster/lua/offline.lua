-- ARGV: node, oldest age of a sample, why. The node is taken off the active set if its sample still is that old
-- or its image worker is silent. Returns 1 if it went.
local node = ARGV[1]
local key = 'worker:' .. node
local beat = tonumber(redis.call('HGET', key, 'last_heartbeat') or '0')
local silent = redis.call('HGET', key, 'kind') == 'celery' and redis.call('EXISTS', key .. ':alive') == 0
if now - beat <= tonumber(ARGV[2]) and not silent then return 0 end
if redis.call('SREM', 'workers:active', node) == 0 then return 0 end
emit('type', 'node', 'node', node, 'state', 'offline', 'detail', ARGV[3])
return 1
