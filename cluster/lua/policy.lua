-- ARGV: name. The switch is an event.
local old = redis.call('GET', 'policy') or ''
redis.call('SET', 'policy', ARGV[1])
if old ~= ARGV[1] then emit('type', 'policy', 'policy', ARGV[1], 'detail', old) end
return old
