-- ARGV: node, who its worker is, milliseconds for which this is a sign of life. It gets nothing more until it starts again.
local node = ARGV[1]
local key = 'worker:' .. node
local mode = redis.call('HGET', key, 'mode')
if mode ~= 'stopped' then
  redis.call('HSET', key, 'mode', 'stopped', 'mode_before', mode or 'active')
  emit('type', 'node', 'node', node, 'state', 'stopped', 'detail', '')
end
redis.call('SET', key .. ':alive', ARGV[2], 'PX', ARGV[3])
redis.call('SREM', 'workers:active', node)
touch(node)
return 1
