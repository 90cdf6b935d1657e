-- ARGV: node. A worker of it has started. One that was stopped goes on as it was: paused stays paused, draining draining.
local key = 'worker:' .. ARGV[1]
local mode = redis.call('HGET', key, 'mode')
if not mode or mode == 'stopped' then
  redis.call('HSET', key, 'mode', redis.call('HGET', key, 'mode_before') or 'active')
end
touch(ARGV[1])
return 1
