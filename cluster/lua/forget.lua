-- ARGV: node. Removes an offline node and all its keys. Returns 1, 0 if it is active, -1 if unknown.
local node = ARGV[1]
if redis.call('SISMEMBER', 'workers:known', node) == 0 then return -1 end
if redis.call('SISMEMBER', 'workers:active', node) == 1 then return 0 end
redis.call('SREM', 'workers:known', node)
redis.call('ZREM', 'workers:changed', node)
local key = 'worker:' .. node
redis.call('DEL', key, key .. ':history', key .. ':jobs', key .. ':waiting', key .. ':running', key .. ':alive', 'node.' .. node,
  '_kombu.binding.node.' .. node, '_kombu.binding_permanent.node.' .. node)
emit('type', 'node', 'node', node, 'state', 'forgotten', 'detail', '')
return 1
