-- ARGV: node, mode, word for the event. 'stopped' is for good until a worker of the node starts again.
local key = 'worker:' .. ARGV[1]
redis.call('HSET', key, 'mode', ARGV[2])
touch(ARGV[1])
emit('type', 'node', 'node', ARGV[1], 'state', ARGV[3], 'detail', '')
return 1
