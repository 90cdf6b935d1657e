-- ARGV: name, weights JSON ('' = as they are). The switch is an event.
local old = redis.call('GET', 'policy') or ''
redis.call('SET', 'policy', ARGV[1])
local changed = old ~= ARGV[1]
if ARGV[2] ~= '' then
  changed = changed or redis.call('GET', 'policy:weights') ~= ARGV[2]
  redis.call('SET', 'policy:weights', ARGV[2])
end
if changed then emit('type', 'policy', 'policy', ARGV[1], 'detail', old) end
return old
