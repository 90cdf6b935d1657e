-- ARGV: node, mode that an operator wants. Returns the mode that it had, '' if there is no such node. What was stopped stays
-- as it is, and nobody is told of a mode that it has already.
local key = 'worker:' .. ARGV[1]
local old = redis.call('HGET', key, 'mode') or ''
if old ~= '' and old ~= 'stopped' and old ~= ARGV[2] then
  redis.call('HSET', key, 'mode', ARGV[2])
  touch(ARGV[1])
  emit('type', 'node', 'node', ARGV[1], 'state', ARGV[2] == 'active' and 'live' or ARGV[2], 'detail', '')
end
return old
