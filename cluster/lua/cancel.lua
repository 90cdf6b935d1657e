-- ARGV: job ids. Returns the state that each was in, '' where there is no such job; finished ones stay as they are.
local states = {}
for i, id in ipairs(ARGV) do
  local state = redis.call('HGET', 'job:' .. id, 'state') or ''
  if state == 'queued' or state == 'assigned' or state == 'running' then
    redis.call('ZREM', 'backlog', id)
    unbind(id)
    transition(id, 'cancelled', 'cancelled', '')
  end
  states[i] = state
end
return states
