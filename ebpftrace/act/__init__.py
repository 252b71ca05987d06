"""Acting: findings meet policies, and climb their ladder one step at a time, in a budget."""
