-- ARGV: job. Returns the state it was in; '' if there is no such job.
local id = ARGV[1]
local state = redis.call('HGET', 'job:' .. id, 'state')
if not state then return '' end
if state == 'queued' or state == 'assigned' or state == 'running' then
  redis.call('ZREM', 'backlog', id)
  unbind(id)
  transition(id, 'cancelled', 'cancelled', '')
end
return state
